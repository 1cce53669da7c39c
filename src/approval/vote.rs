//! Votes. A vote is cast once and never edited or deleted.

use serde::{Deserialize, Serialize};

use super::{Digest, Email, GroupName, Narrowing};
use crate::ids::{DeliveryId, VoteId};
use crate::time::Timestamp;

/// Approve or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    Approve,
    Reject,
}

/// How surely the hub knows who voted, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// The voter used a channel's link and chose their name from the group's members.
    Link,
    /// The voter used a link that was sent to them alone.
    Recipient,
    /// A trusted system's token named the voter.
    Delegated,
    /// The chat identified the voter by a linked account.
    Chat,
    /// The voter used their own token, or signed in with it or with a sign-in link.
    Token,
    /// The voter signed in with the identity provider.
    Sso,
}

impl Assurance {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Recipient => "recipient",
            Self::Delegated => "delegated",
            Self::Chat => "chat",
            Self::Token => "token",
            Self::Sso => "sso",
        }
    }
}

/// The link that a vote used. A channel's link casts at most one vote for each request; links are distinguished by the
/// message that carried them and the slot they serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkUse {
    /// The delivery that carried the link.
    pub delivery: DeliveryId,
    /// The slot it serves.
    pub group: GroupName,
}

/// A vote as it was cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    pub id: VoteId,
    pub voter: Email,
    pub choice: Choice,
    /// The slots it may fill: all that the voter was eligible for then, or the one that the vote named.
    pub groups: Vec<GroupName>,
    pub reason: Option<String>,
    pub assurance: Assurance,
    /// How the vote arrived: the name of a channel, or `api`.
    pub channel: String,
    pub link: Option<LinkUse>,
    pub at: Timestamp,
    pub revision: u32,
    pub digest: Digest,
    /// The absent member that the voter stood in for.
    pub on_behalf_of: Option<Email>,
    /// A shorter or later access window than requested.
    pub narrowing: Option<Narrowing>,
    /// Whether it no longer counts.
    pub voided: bool,
}

impl Vote {
    /// Returns the member whose seat the vote uses: the voter, or the absent member they stand in for.
    pub fn seat(&self) -> &Email {
        self.on_behalf_of.as_ref().unwrap_or(&self.voter)
    }
}
