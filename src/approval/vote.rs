//! Votes: cast once, never edited, visible for ever.

use serde::{Deserialize, Serialize};

use super::{Digest, Email, GroupName, Narrowing};
use crate::ids::{DeliveryId, VoteId};
use crate::time::Timestamp;

/// Approve or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Let it happen.
    Approve,
    /// Do not.
    Reject,
}

/// How sure the hub is of who voted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// Held a channel's link and named themselves from the group's members.
    Link,
    /// Held a link that was sent to them alone.
    Recipient,
    /// A trusted system's token said who.
    Delegated,
    /// Their chat said who, and the account there is theirs.
    Chat,
    /// The person's own token.
    Token,
}

impl Assurance {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Recipient => "recipient",
            Self::Delegated => "delegated",
            Self::Chat => "chat",
            Self::Token => "token",
        }
    }
}

/// The link a vote came by: one channel link casts at most one vote per request, so links are told apart by the message that
/// carried them and the slot they serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkUse {
    /// The message that carried the link.
    pub delivery: DeliveryId,
    /// The slot it serves.
    pub group: GroupName,
}

/// A vote as it was cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Its name.
    pub id: VoteId,
    /// Who voted.
    pub voter: Email,
    /// What they wanted.
    pub choice: Choice,
    /// The slots it may fill: those the voter was eligible for then, or the one of them that was named.
    pub groups: Vec<GroupName>,
    /// Why.
    pub reason: Option<String>,
    /// How sure we were of who they are.
    pub assurance: Assurance,
    /// The way it came.
    pub channel: String,
    /// The link it came by.
    pub link: Option<LinkUse>,
    /// When.
    pub at: Timestamp,
    /// The revision it was cast on.
    pub revision: u32,
    /// The payload it was cast on.
    pub digest: Digest,
    /// The absent member in whose place they voted.
    pub on_behalf_of: Option<Email>,
    /// What the approver made of the window.
    pub narrowing: Option<Narrowing>,
    /// Whether it no longer counts.
    pub voided: bool,
}

impl Vote {
    /// The member whose right to vote it uses: the voter's own, or that of the absent member they stand in for.
    pub fn seat(&self) -> &Email {
        self.on_behalf_of.as_ref().unwrap_or(&self.voter)
    }
}
