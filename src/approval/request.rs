//! A request and its state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Digest, Email, Execution, Grant, GroupName, Kind, LinkUse, Payload, Requester, ResourceName, RuleName, Terms, Vote,
    unified,
};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// The status of a request. Every status but pending is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for votes.
    Pending,
    Approved,
    Rejected,
    /// The deadline passed without a decision. Never reported as rejected.
    Expired,
    /// Cancelled by its requester or an admin.
    Cancelled,
    /// Replaced by another request of its requester.
    Superseded,
}

impl Status {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }
}

/// How a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// People voted.
    Votes,
    /// The deadline passed.
    Timeout,
    /// It was cancelled.
    Cancellation,
    /// Another request replaced it.
    Replacement,
    /// Its requester needs no approval.
    Exempt,
    /// A rule allowed or denied it.
    Rule,
    /// A person used break-glass.
    BreakGlass,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub outcome: Status,
    pub method: Method,
    /// The reason that the deciding person or rule gave.
    pub reason: Option<String>,
    /// Who decided: the approvers whose votes count, or who rejected, cancelled or used break-glass.
    pub by: Vec<Email>,
    /// The rule that decided, if one did.
    #[serde(default)]
    pub rule: Option<RuleName>,
    /// The group whose members are exempt, if that decided.
    #[serde(default)]
    pub group: Option<GroupName>,
}

impl Decision {
    /// A decision without a person and without a reason.
    pub const fn new(outcome: Status, method: Method) -> Self {
        Self { outcome, method, reason: None, by: Vec::new(), rule: None, group: None }
    }
}

/// How the current payload came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadChange {
    /// The person who changed it, if it was one.
    pub by: Option<Email>,
    pub role: ChangeRole,
    pub at: Timestamp,
    /// The revision before the change.
    pub from_revision: u32,
    pub reason: Option<String>,
    /// The difference, as a unified diff.
    pub diff: String,
}

/// The role of the person who changes a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeRole {
    Requester,
    /// A person who approves another payload than the requested one.
    Approver,
    /// An operator of the hub, who changed somebody else's request.
    Operator,
}

impl PayloadChange {
    /// The change from the payload of `request` to `payload`.
    pub fn new(
        request: &Request,
        payload: &Payload,
        by: Option<Email>,
        role: ChangeRole,
        reason: Option<String>,
        at: Timestamp,
    ) -> Self {
        let diff = unified(&request.payload.beside(payload), &payload.beside(&request.payload));
        Self { by, role, at, from_revision: request.revision, reason, diff }
    }
}

/// The reminders and escalation steps of a request so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Reminders that were due so far.
    pub reminders: u32,
    /// Escalation steps that were carried out.
    pub escalations: u32,
}

/// The review that must follow a use of break-glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Who used break-glass.
    pub by: Email,
    /// Deadline of the review.
    pub due_at: Timestamp,
    pub reviewed_at: Option<Timestamp>,
    pub reviewed_by: Option<Email>,
    /// Whether the reviewer found the use justified.
    pub justified: Option<bool>,
    /// The reviewer's comment.
    pub note: Option<String>,
}

/// One request for approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub id: RequestId,
    /// Number of the current payload, from 1.
    pub revision: u32,
    pub kind: Kind,
    /// The resource that it acts on.
    pub resource: ResourceName,
    /// The exact thing that would run.
    pub payload: Payload,
    /// Digest of the payload.
    pub digest: Digest,
    pub requester: Requester,
    /// The person it is made for, if that is somebody else.
    pub beneficiary: Option<Email>,
    /// Key of the principal that made it, which may see it.
    pub asked_by: String,
    /// The requester's reason.
    pub reason: Option<String>,
    /// Free tags of the asking system.
    pub labels: BTreeMap<String, String>,
    pub status: Status,
    pub created_at: Timestamp,
    /// Deadline: from this time on, votes are too late.
    pub expires_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub decision: Option<Decision>,
    /// The policy as it was when the request was made.
    pub terms: Terms,
    /// All votes in the order they were cast, with voided ones.
    pub votes: Vec<Vote>,
    /// How the current payload came about, if it is not the first.
    pub change: Option<PayloadChange>,
    /// The request that this one replaces.
    pub supersedes: Option<RequestId>,
    /// The request that replaces this one.
    pub superseded_by: Option<RequestId>,
    /// Whether it is pending although too few people are left to approve it.
    pub undecidable: bool,
    /// Reminders and escalation so far.
    pub progress: Progress,
    /// The execution of an approved action.
    pub execution: Option<Execution>,
    /// The access of an approved request for access.
    pub grant: Option<Grant>,
    /// The review after a use of break-glass.
    pub review: Option<Review>,
}

impl Request {
    /// Whether it is pending although its deadline has passed. At the deadline it is too late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && now >= self.expires_at
    }

    /// Returns the votes that count.
    pub fn live_votes(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().filter(|vote| !vote.voided && vote.revision == self.revision)
    }

    /// Returns who has used the link for a vote on this revision, even if the vote was voided: a channel's link casts
    /// one vote.
    pub fn link_spent_by(&self, link: &LinkUse) -> Option<&Email> {
        let cast = self.votes.iter().find(|vote| vote.revision == self.revision && vote.link.as_ref() == Some(link));
        cast.map(|vote| &vote.voter)
    }

    /// Whether a conflict of interest keeps the person from approving it.
    pub fn is_in_conflict(&self, person: &Email) -> bool {
        self.terms.is_in_conflict(person) || (self.is_asker(person) && !self.terms.procedure.allow_self_approval)
    }

    /// Whether the person is on the requesting side: requester, beneficiary, or owner of the token.
    pub fn is_asker(&self, person: &Email) -> bool {
        self.requester.is(person) || self.beneficiary.as_ref() == Some(person) || self.terms.askers.contains(person)
    }

    /// Returns `now`, but not a time before the request or any of its votes, in case the clock was set back. Those
    /// times are before the deadline, so this cannot make the request expire.
    pub fn never_before(&self, now: Timestamp) -> Timestamp {
        self.votes.iter().map(|vote| vote.at).fold(now.max(self.created_at), Timestamp::max)
    }
}
