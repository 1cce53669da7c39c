//! The audit trail: the contents of an entry, and the hash chain over all entries.
//!
//! Each entry's hash covers the previous entry's hash. So a changed entry, or one removed from the middle, is
//! detected. This module knows no database: the store keeps the entries and asks for the hashes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::{Assurance, Digest, Email};
use crate::ids::{RequestId, SessionId, TokenId};
use crate::time::Timestamp;

/// Who did something, as far as the hub knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// The API token of a person or a system.
    Token {
        /// Absent for the bootstrap admin token, which has no row.
        id: Option<TokenId>,
        name: String,
    },
    /// A person who signed in.
    Session { id: SessionId, person: Email },
    /// The holder of a channel's link.
    Link {
        /// The endpoint that was sent the link.
        endpoint: String,
    },
    /// A person in a chat, by their linked account.
    Chat {
        /// The endpoint whose app received the call.
        endpoint: String,
        /// Workspace and member id.
        account: String,
    },
    /// The hub itself, for example its timer.
    Hub,
}

/// An entry before it is sealed, which gives it a number and a hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    /// For example `request.created` or `endpoint.updated`.
    pub action: String,
    pub actor: Actor,
    /// The person who acted, or for whom a system acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Email>,
    /// How surely the hub knew the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// The request that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The payload that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Changes or other facts. Never a secret.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

impl Entry {
    /// Creates an entry with only the fields that each entry has.
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

/// An entry with its number and hash.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sealed {
    /// Number from 1, without a gap.
    pub seq: i64,
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash by [`link`].
    pub hash: Digest,
}

/// Returns the hash of entry number `seq`, whose exact JSON text is `entry`: SHA-256 over three lines, the previous
/// entry's hash in hex (empty for the first), the number, and the text.
pub fn link(previous: Option<&Digest>, seq: i64, entry: &str) -> Digest {
    let previous = previous.map(ToString::to_string).unwrap_or_default();
    Digest::of(format!("{previous}\n{seq}\n{entry}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_covers_all_its_parts() {
        let one = link(None, 1, "{}");
        let two = link(Some(&one), 2, "{}");
        let variants =
            [link(None, 2, "{}"), link(Some(&two), 2, "{}"), link(Some(&one), 3, "{}"), link(Some(&one), 2, "{ }")];
        assert!(variants.iter().all(|other| *other != two));
    }
}
