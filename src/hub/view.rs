//! A request as the API, the events and the pages show it (`schemas/request.json`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::approval::{
    Assurance, ChangeRole, Choice, Decision, Digest, Email, Excluded, Execution, ExecutionStatus, Grant, GrantStatus,
    GroupName, Kind, Narrowing, PayloadChange, Request, Requester, ResourceName, Review, Roster, RuleName, Status,
    Vote, cover,
};
use crate::ids::{GrantId, RequestId, VoteId};
use crate::store::StoreError;
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
    pub beneficiary: Option<Email>,
    pub reason: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub status: Status,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    pub decision: Option<Decision>,
    pub slots: Vec<SlotView>,
    pub excluded: Vec<Excluded>,
    pub asking_rules: Vec<AskingRule>,
    pub votes: Vec<VoteView>,
    pub modified_by: Option<Email>,
    pub change: Option<PayloadChange>,
    pub execution: Option<ExecutionView>,
    pub grant: Option<GrantView>,
    pub review: Option<Review>,
    pub undecidable: bool,
    pub supersedes: Option<RequestId>,
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
    /// Groups that escalation added: their members may fill it too.
    pub also: Vec<GroupName>,
}

/// A guardrail that wants people to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskingRule {
    /// Its name.
    pub rule: RuleName,
    /// What it says.
    pub reason: Option<String>,
}

/// The use of an approved action, shown. Who claimed it by which key stays inside.
#[derive(Debug, Clone, Serialize)]
pub struct ExecutionView {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// From this moment on it may not be claimed.
    pub use_by: Timestamp,
    /// When it was claimed.
    pub claimed_at: Option<Timestamp>,
    /// Until when the claim holds without news of it.
    pub lease_expires_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What the program answered.
    pub exit_code: Option<i32>,
    /// What it printed, as far as it was kept.
    pub output: Option<String>,
    /// Whether it printed more.
    pub output_truncated: bool,
    /// Of all it printed.
    pub output_digest: Option<Digest>,
    /// Why it was revoked.
    pub reason: Option<String>,
    /// Who revoked it.
    pub revoked_by: Option<Email>,
}

/// Access, shown.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    /// Its name.
    pub id: GrantId,
    /// The request that it was approved by.
    pub request: RequestId,
    /// To what.
    pub resource: ResourceName,
    /// Whose.
    pub requester: Email,
    /// Where it stands.
    pub status: GrantStatus,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends; that moment is not part of it.
    pub ends_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Who ended it early.
    pub ended_by: Option<Email>,
    /// Why.
    pub reason: Option<String>,
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
    /// The absent member in whose place they voted.
    pub on_behalf_of: Option<Email>,
    /// What the approver made of the window.
    pub narrowing: Option<Narrowing>,
    /// Whether it no longer counts.
    pub voided: bool,
}

impl RequestView {
    /// Shows a request of the hub at `public_url`. While it waits, an approval counts as long as its voter is in the group by
    /// `roster`; without one, and once it has ended, by who was in the group when they voted.
    pub fn new(request: &Request, public_url: &str, roster: Option<&Roster>) -> Self {
        Self {
            slots: slots(request, roster.filter(|_| request.status == Status::Pending)),
            asking_rules: asking_rules(request),
            excluded: request.excluded(),
            votes: request.votes.iter().map(VoteView::new).collect(),
            url: format!("{public_url}/v1/requests/{}", request.id),
            id: request.id,
            revision: request.revision,
            kind: request.kind,
            resource: request.resource.clone(),
            command: request.payload.command.clone(),
            language: request.payload.language.clone(),
            context: request.payload.context.clone(),
            duration_seconds: request.payload.duration_seconds,
            digest: request.digest,
            requester: request.requester.clone(),
            beneficiary: request.beneficiary.clone(),
            reason: request.reason.clone(),
            labels: request.labels.clone(),
            status: request.status,
            created_at: request.created_at,
            expires_at: request.expires_at,
            decided_at: request.decided_at,
            decision: request.decision.clone(),
            modified_by: request
                .change
                .as_ref()
                .filter(|change| change.role == ChangeRole::Approver)
                .and_then(|change| change.by.clone()),
            change: request.change.clone(),
            execution: request.execution.clone().map(ExecutionView::from),
            grant: request.grant.clone().map(GrantView::from),
            review: request.review.clone(),
            undecidable: request.undecidable,
            supersedes: request.supersedes,
            superseded_by: request.superseded_by,
        }
    }
    /// As JSON text.
    ///
    /// # Errors
    /// When a part of it cannot be written as JSON.
    pub(super) fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|cause| StoreError::Inconsistent {
            table: "events",
            column: "subject",
            row: self.id.to_string(),
            cause: Arc::new(cause),
        })
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
            on_behalf_of: vote.on_behalf_of.clone(),
            narrowing: vote.narrowing,
            voided: vote.voided,
        }
    }
}

impl From<Execution> for ExecutionView {
    fn from(execution: Execution) -> Self {
        Self {
            status: execution.status,
            use_by: execution.use_by,
            claimed_at: execution.claimed_at,
            lease_expires_at: execution.lease_expires_at,
            finished_at: execution.finished_at,
            exit_code: execution.exit_code,
            output: execution.output,
            output_truncated: execution.output_truncated,
            output_digest: execution.output_digest,
            reason: execution.reason,
            revoked_by: execution.revoked_by,
        }
    }
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            request: grant.request,
            resource: grant.resource,
            requester: grant.requester,
            status: grant.status,
            starts_at: grant.starts_at,
            ends_at: grant.ends_at,
            ended_at: grant.ended_at,
            ended_by: grant.ended_by,
            reason: grant.reason,
        }
    }
}

/// The rules by name, with what each says: both as the request keeps them.
fn asking_rules(request: &Request) -> Vec<AskingRule> {
    let reason = |rule: &RuleName| {
        let spec = request.terms.procedure.guardrails.iter().find(|spec| spec.name == *rule);
        spec.and_then(|spec| spec.reason.clone())
    };
    request.terms.asking_rules.iter().map(|rule| AskingRule { rule: rule.clone(), reason: reason(rule) }).collect()
}

/// How far each slot is filled.
fn slots(request: &Request, now: Option<&Roster>) -> Vec<SlotView> {
    let approvals: Vec<&Vote> = request.live_votes().filter(|vote| vote.choice == Choice::Approve).collect();
    let then: Roster = approvals
        .iter()
        .flat_map(|vote| vote.groups.iter().map(|group| (group.clone(), vote.seat().clone())))
        .collect();
    let filled = cover(&request.terms.slots, &approvals, now.unwrap_or(&then));
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
            also: terms.also.clone(),
        })
        .collect()
}
