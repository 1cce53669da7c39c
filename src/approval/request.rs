//! A request: one ask, and where it stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Digest, Email, Execution, Grant, GroupName, Kind, LinkUse, Payload, Requester, ResourceName, RuleName, Terms, Vote,
    unified,
};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// Where a request stands. Every status but pending is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waiting for people.
    Pending,
    /// May go ahead.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time. Never reported as rejected.
    Expired,
    /// Taken back by its requester or an admin.
    Cancelled,
    /// Another request of its requester took its place.
    Superseded,
}

impl Status {
    /// As written on the wire.
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

/// By what means a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// People voted.
    Votes,
    /// The deadline passed.
    Timeout,
    /// It was taken back.
    Cancellation,
    /// Another request took its place.
    Replacement,
    /// Its requester needs no approval.
    Exempt,
    /// A rule let it pass or denied it.
    Rule,
    /// Somebody used the right to go ahead in an emergency.
    BreakGlass,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The final status.
    pub outcome: Status,
    /// By what means.
    pub method: Method,
    /// The deciding person's words.
    pub reason: Option<String>,
    /// Who decided: those whose approvals count, or who rejected, cancelled, or broke the glass.
    pub by: Vec<Email>,
    /// The rule that decided.
    #[serde(default)]
    pub rule: Option<RuleName>,
    /// The group whose members are exempt.
    #[serde(default)]
    pub group: Option<GroupName>,
}

impl Decision {
    /// A decision by nobody in particular, without a word.
    pub const fn new(outcome: Status, method: Method) -> Self {
        Self { outcome, method, reason: None, by: Vec::new(), rule: None, group: None }
    }
}

/// How the payload came to be what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The person who changed it, when it is one.
    pub by: Option<Email>,
    /// In which role.
    pub role: ChangeRole,
    /// When.
    pub at: Timestamp,
    /// The revision that was changed.
    pub from_revision: u32,
    /// Why.
    pub reason: Option<String>,
    /// What is different, as a unified diff.
    pub diff: String,
}

/// Who changes a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeRole {
    /// The one who asks.
    Requester,
    /// One who approves something else than was asked.
    Approver,
    /// One who runs the hub, and changed somebody else's request.
    Operator,
}

impl Change {
    /// The change of `request` to another payload.
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

/// Which reminders and steps of escalation are behind a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Reminders whose time has come.
    pub reminders: u32,
    /// Steps of escalation taken.
    pub escalations: u32,
}

/// What has to follow after somebody broke the glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Who broke it.
    pub by: Email,
    /// Until when somebody has to have looked at it.
    pub due_at: Timestamp,
    /// When somebody did.
    pub reviewed_at: Option<Timestamp>,
    /// Who did.
    pub reviewed_by: Option<Email>,
    /// Whether they found it justified.
    pub justified: Option<bool>,
    /// Their words.
    pub note: Option<String>,
}

/// One ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// Counts the payloads it has had, from 1.
    pub revision: u32,
    /// What sort of approval is asked for.
    pub kind: Kind,
    /// What is acted on.
    pub resource: ResourceName,
    /// What exactly would run.
    pub payload: Payload,
    /// Of the payload.
    pub digest: Digest,
    /// Who asks.
    pub requester: Requester,
    /// The person for whom it is asked, when that is somebody else.
    pub beneficiary: Option<Email>,
    /// The identity of the token that it came by, which may see it.
    pub asked_by: String,
    /// Why.
    pub reason: Option<String>,
    /// Free tags of the asking system.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub status: Status,
    /// When it was asked.
    pub created_at: Timestamp,
    /// From this moment on it is too late.
    pub expires_at: Timestamp,
    /// When it ended.
    pub decided_at: Option<Timestamp>,
    /// How it ended.
    pub decision: Option<Decision>,
    /// What it is judged by.
    pub terms: Terms,
    /// All votes in the order they were cast, voided ones too.
    pub votes: Vec<Vote>,
    /// How the present payload came to be, when it is not the first.
    pub change: Option<Change>,
    /// The request whose place it takes.
    pub supersedes: Option<RequestId>,
    /// The request that takes its place.
    pub superseded_by: Option<RequestId>,
    /// Whether it waits although nobody could approve it any more.
    pub undecidable: bool,
    /// Which reminders and steps of escalation are behind it.
    pub progress: Progress,
    /// How an approved action is used.
    pub execution: Option<Execution>,
    /// The access that was approved.
    pub grant: Option<Grant>,
    /// What has to follow after somebody broke the glass.
    pub review: Option<Review>,
}

impl Request {
    /// Whether it still waits although its time is over: half-open, at the deadline it is too late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && now >= self.expires_at
    }

    /// Votes that count.
    pub fn live_votes(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().filter(|vote| !vote.voided && vote.revision == self.revision)
    }

    /// Who has voted on this revision by the link, whatever became of the vote: a channel's link casts one vote.
    pub fn link_spent_by(&self, link: &LinkUse) -> Option<&Email> {
        let cast = self.votes.iter().find(|vote| vote.revision == self.revision && vote.link.as_ref() == Some(link));
        cast.map(|vote| &vote.voter)
    }

    /// Whether the person may not approve it.
    pub fn is_in_conflict(&self, person: &Email) -> bool {
        self.terms.is_in_conflict(person) || (self.is_asker(person) && !self.terms.procedure.allow_self_approval)
    }

    /// Whether the person asks, or it is asked for them.
    pub fn is_asker(&self, person: &Email) -> bool {
        self.requester.is(person) || self.beneficiary.as_ref() == Some(person) || self.terms.askers.contains(person)
    }

    /// The moment at which something happens to this request now: not before it was asked, nor before anybody voted. Both lie before
    /// its deadline, so nothing expires by that.
    pub fn never_before(&self, now: Timestamp) -> Timestamp {
        self.votes.iter().map(|vote| vote.at).fold(now.max(self.created_at), Timestamp::max)
    }
}
