//! The public form of a request, for the API, events and pages (`schemas/request.json`).

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
use crate::store::comments::Comment;
use crate::time::Timestamp;

/// The public form of a request.
#[derive(Debug, Clone, Serialize)]
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
    /// The comment that the event `request.commented` is about; absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Comment>,
}

/// The public form of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotView {
    pub group: GroupName,
    /// Approvals needed.
    pub needed: u32,
    /// Approvals so far.
    pub approved: u32,
    /// People who could fill the slot when the request was created.
    pub eligible: u32,
    /// Groups that escalation added: their members may fill the slot too.
    pub also: Vec<GroupName>,
}

/// A guardrail that requires approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskingRule {
    pub rule: RuleName,
    /// The reason that the rule gives.
    pub reason: Option<String>,
}

/// The public form of an execution, without the claimant and the idempotency key.
#[derive(Debug, Clone, Serialize)]
pub struct ExecutionView {
    pub status: ExecutionStatus,
    /// Deadline for the claim.
    pub use_by: Timestamp,
    pub claimed_at: Option<Timestamp>,
    /// End of the claim's lease, unless a heartbeat extends it.
    pub lease_expires_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub exit_code: Option<i32>,
    /// The program's output, at most the bytes that the hub keeps.
    pub output: Option<String>,
    pub output_truncated: bool,
    /// Digest of the whole output.
    pub output_digest: Option<Digest>,
    /// Reason of the revocation.
    pub reason: Option<String>,
    pub revoked_by: Option<Email>,
}

/// The public form of a grant.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    pub id: GrantId,
    /// The request that approved it.
    pub request: RequestId,
    pub resource: ResourceName,
    /// The person who has the access.
    pub requester: Email,
    pub status: GrantStatus,
    pub starts_at: Timestamp,
    /// Planned end, exclusive.
    pub ends_at: Timestamp,
    /// Actual end.
    pub ended_at: Option<Timestamp>,
    /// Who ended it early.
    pub ended_by: Option<Email>,
    /// Reason of the early end.
    pub reason: Option<String>,
}

/// The public form of a vote.
#[derive(Debug, Clone, Serialize)]
pub struct VoteView {
    pub id: VoteId,
    /// The voter.
    pub person: Email,
    pub decision: Choice,
    /// The slot that the vote is for, when only one is possible.
    pub group: Option<GroupName>,
    pub reason: Option<String>,
    /// How the voter's identity was established.
    pub assurance: Assurance,
    /// The channel that the vote came through.
    pub channel: String,
    pub at: Timestamp,
    /// The revision that was voted on.
    pub revision: u32,
    /// The digest of the payload that was voted on.
    pub digest: Digest,
    /// The absent member for whom the voter stood in.
    pub on_behalf_of: Option<Email>,
    /// The shorter window or later start that the approver set.
    pub narrowing: Option<Narrowing>,
    /// Whether the vote no longer counts.
    pub voided: bool,
}

impl RequestView {
    /// Returns the public form of a request of the hub at `public_url`. While it is pending, approvals count by the
    /// memberships in `roster`. Without a roster, and once it has ended, they count by the memberships at the time of
    /// the vote.
    pub fn new(request: &Request, public_url: &str, roster: Option<&Roster>) -> Self {
        Self {
            slots: slots(request, roster.filter(|_| request.status == Status::Pending)),
            asking_rules: asking_rules(request),
            excluded: request.excluded(),
            votes: request.votes.iter().map(VoteView::new).collect(),
            url: format!("{public_url}/requests/{}", request.id),
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
            comment: None,
        }
    }

    /// Serializes it as JSON.
    ///
    /// # Errors
    /// When a part of it cannot be serialized.
    pub(in crate::hub) fn to_json(&self) -> Result<String, StoreError> {
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

/// The rules that require approval, with their reasons, from the request's terms.
fn asking_rules(request: &Request) -> Vec<AskingRule> {
    let reason = |rule: &RuleName| {
        let spec = request.terms.procedure.guardrails.iter().find(|spec| spec.name == *rule);
        spec.and_then(|spec| spec.reason.clone())
    };
    request.terms.asking_rules.iter().map(|rule| AskingRule { rule: rule.clone(), reason: reason(rule) }).collect()
}

/// The slots, with the number of approvals that each has.
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
