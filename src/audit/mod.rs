//! The audit trail: what one entry says, and how entries are chained.
//!
//! Each entry's hash covers the hash of the one before, so that nothing can be changed or taken out of the middle unseen. This
//! module knows no database: the store keeps the entries and asks for the hashes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::{Assurance, Digest, Email};
use crate::ids::{RequestId, TokenId};
use crate::time::Timestamp;

/// Who did something, as far as the hub knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// Somebody's or some system's API token.
    Token {
        /// Which; absent for the bootstrap admin token, which has no row.
        id: Option<TokenId>,
        /// What it is called.
        name: String,
    },
    /// The holder of a channel's link.
    Link {
        /// The endpoint that was sent the link.
        endpoint: String,
    },
    /// Somebody in a chat, by an account of theirs.
    Chat {
        /// The endpoint whose app heard of it.
        endpoint: String,
        /// Workspace and member.
        account: String,
    },
    /// The hub itself: a timer.
    Hub,
}

/// An entry as its writer knows it; its place and hash come when it is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What, for example `request.created` or `endpoint.updated`.
    pub action: String,
    /// Who.
    pub actor: Actor,
    /// The person that acted or was acted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Email>,
    /// How sure the hub was of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The payload it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What changed, or other facts. Never a secret.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

impl Entry {
    /// An entry with nothing but the three things each one has.
    pub fn new(at: Timestamp, action: impl Into<String>, actor: Actor) -> Self {
        Self {
            at,
            action: action.into(),
            actor,
            person: None,
            assurance: None,
            request: None,
            digest: None,
            details: Value::Null,
        }
    }
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sealed {
    /// Counts from 1 without a gap.
    pub seq: i64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// See [`link`].
    pub hash: Digest,
}

/// The hash of entry number `seq`, whose exact JSON text is `entry`: SHA-256 over the previous entry's hash in hex (empty for
/// the first), the number and the text, a line each.
pub fn link(previous: Option<&Digest>, seq: i64, entry: &str) -> Digest {
    let previous = previous.map(ToString::to_string).unwrap_or_default();
    Digest::of(format!("{previous}\n{seq}\n{entry}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_covers_all_it_is_made_of() {
        let one = link(None, 1, "{}");
        let two = link(Some(&one), 2, "{}");
        let variants =
            [link(None, 2, "{}"), link(Some(&two), 2, "{}"), link(Some(&one), 3, "{}"), link(Some(&one), 2, "{ }")];
        assert!(variants.iter().all(|other| *other != two));
    }
}
