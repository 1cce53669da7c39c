//! A request as the API, the events and the pages show it (`schemas/request.json`).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::approval::{
    Assurance, Choice, Decision, Digest, Email, GroupName, Kind, Request, Requester, ResourceName, Roster, Status,
    Vote, cover,
};
use crate::ids::{RequestId, VoteId};
use crate::time::Timestamp;

/// A request, shown.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the request, described in schemas/request.json")]
pub struct RequestView {
    pub id: RequestId,
    pub revision: u32,
    pub kind: Kind,
    pub resource: ResourceName,
    pub command: String,
    pub language: Option<String>,
    pub context: Option<Value>,
    pub duration_seconds: Option<u32>,
    pub digest: Digest,
    pub requester: Requester,
    pub reason: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub status: Status,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub decision: Option<Decision>,
    pub slots: Vec<SlotView>,
    pub votes: Vec<VoteView>,
    /// No action is executed through the hub yet.
    pub execution: Option<()>,
    /// No access is granted through the hub yet.
    pub grant: Option<()>,
    /// No request takes another's place yet.
    pub supersedes: Option<RequestId>,
    /// No request takes another's place yet.
    pub superseded_by: Option<RequestId>,
    pub url: String,
}

/// A slot, shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotView {
    /// Who is asked.
    pub group: GroupName,
    /// How many approvals it takes.
    pub needed: u32,
    /// How many of them there are.
    pub approved: u32,
    /// How many people could have filled it when the request was made.
    pub eligible: u32,
}

/// A vote, shown.
#[derive(Debug, Clone, Serialize)]
pub struct VoteView {
    /// Its name.
    pub id: VoteId,
    /// Who voted.
    pub person: Email,
    /// What they wanted.
    pub decision: Choice,
    /// The slot it was cast for, when that can be only one.
    pub group: Option<GroupName>,
    /// Why.
    pub reason: Option<String>,
    /// How sure the hub was of who they are.
    pub assurance: Assurance,
    /// The way it came.
    pub channel: String,
    /// When.
    pub at: Timestamp,
    /// The revision it was cast on.
    pub revision: u32,
    /// The payload it was cast on.
    pub digest: Digest,
    /// Whether it no longer counts.
    pub voided: bool,
}

impl RequestView {
    /// Shows a request of the hub at `public_url`. While it waits, an approval counts as long as its voter is in the group by
    /// `roster`; without one, and once it has ended, by who was in the group when they voted.
    pub fn new(request: Request, public_url: &str, roster: Option<&Roster>) -> Self {
        Self {
            slots: slots(&request, roster.filter(|_| request.status == Status::Pending)),
            votes: request.votes.iter().map(VoteView::new).collect(),
            url: format!("{public_url}/v1/requests/{}", request.id),
            id: request.id,
            revision: request.revision,
            kind: request.kind,
            resource: request.resource,
            command: request.payload.command,
            language: request.payload.language,
            context: request.payload.context,
            duration_seconds: request.payload.duration_seconds,
            digest: request.digest,
            requester: request.requester,
            reason: request.reason,
            labels: request.labels,
            status: request.status,
            created_at: request.created_at,
            expires_at: request.expires_at,
            decided_at: request.decided_at,
            decision: request.decision,
            execution: None,
            grant: None,
            supersedes: None,
            superseded_by: None,
        }
    }
}

impl VoteView {
    fn new(vote: &Vote) -> Self {
        Self {
            id: vote.id,
            person: vote.voter.clone(),
            decision: vote.choice,
            group: match vote.groups.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
            reason: vote.reason.clone(),
            assurance: vote.assurance,
            channel: vote.channel.clone(),
            at: vote.at,
            revision: vote.revision,
            digest: vote.digest,
            voided: vote.voided,
        }
    }
}

/// How far each slot is filled.
fn slots(request: &Request, now: Option<&Roster>) -> Vec<SlotView> {
    let approvals: Vec<&Vote> = request.live_votes().filter(|vote| vote.choice == Choice::Approve).collect();
    let then: Roster =
        approvals.iter().flat_map(|vote| vote.groups.iter().map(|group| (group.clone(), vote.voter.clone()))).collect();
    let filled = cover(request.terms.slots(), &approvals, now.unwrap_or(&then));
    request
        .terms
        .slots
        .iter()
        .zip(filled)
        .map(|(terms, approved)| SlotView {
            group: terms.slot.group.clone(),
            needed: terms.slot.needed,
            approved,
            eligible: terms.eligible,
        })
        .collect()
}
