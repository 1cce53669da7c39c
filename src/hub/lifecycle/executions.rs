//! Executions of approved actions: the claim, which succeeds once, heartbeats, the result, and revocation.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::announce::announce;
use super::follow_up;
use crate::approval::{
    Digest, ExecutionReport, ExecutionStatus, GrantCommand, Kind, Refusal, ReportStatus, Request, Roster, Status, Use,
    UseChange, UseRefusal, UseVerdict, limits, use_execution,
};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::change_context::ChangeContext;
use crate::hub::{Hub, HubError, IdempotencyKey, RequestView, input, require};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::random;
use crate::store::{Signal, Tx, executions, requests};
use crate::time::Timestamp;

/// Default lease of a claim.
const LEASE_SECONDS: u32 = 3_600;
/// Allowed leases, in seconds.
const LEASES: std::ops::RangeInclusive<u32> = 10..=86_400;
/// Most bytes of output that a result may contain.
const MAX_OUTPUT: usize = 64 * 1024;

/// The body of a claim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimInput {
    /// Digest of the payload that the caller is about to run.
    pub digest: Digest,
    /// Time until the lease expires, unless a heartbeat extends it.
    #[serde(default)]
    pub lease_seconds: Option<u32>,
}

/// A claimed action: what to run, once, and the claim's fencing token.
#[derive(Debug, Serialize)]
pub struct ClaimedAction {
    /// Fencing token: every heartbeat and result must carry it. An unguessable number below 2⁵³.
    pub fence: u64,
    /// The exact text to run.
    pub command: String,
    pub language: Option<String>,
    pub context: Option<Value>,
    /// Digest of the payload.
    pub digest: Digest,
    /// Reserved for signed receipts: always `None`.
    pub receipt: Option<String>,
    /// End of the lease, unless a heartbeat extends it.
    pub lease_expires_at: Option<Timestamp>,
}

/// The body of a heartbeat, which extends the lease of a claim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatInput {
    /// Fencing token of the claim.
    pub fence: u64,
}

/// The lease of a claim after a heartbeat.
#[derive(Debug, Serialize)]
pub struct Lease {
    /// End of the lease, unless another heartbeat extends it.
    pub lease_expires_at: Option<Timestamp>,
}

/// The result of a run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultInput {
    /// Fencing token of the claim.
    pub fence: u64,
    pub status: ReportStatus,
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The program's output, at most 64 KiB.
    #[serde(default)]
    pub output: Option<String>,
    #[serde(default)]
    pub output_truncated: bool,
    /// Digest of the whole output.
    #[serde(default)]
    pub output_digest: Option<Digest>,
}

impl Hub {
    /// Claims an approved action. Only one claim succeeds.
    ///
    /// # Errors
    /// When the request is not the caller's or not approved, the action is already claimed or revoked, it is too late,
    /// or the digest does not match.
    pub async fn claim(
        &self,
        caller: &Principal,
        id: RequestId,
        input: ClaimInput,
        key: Option<IdempotencyKey>,
    ) -> Result<ClaimedAction, HubError> {
        let lease_seconds = input.lease_seconds.unwrap_or(LEASE_SECONDS);
        if !LEASES.contains(&lease_seconds) {
            let detail = "lease_seconds must be between 10 and 86400 (a day)";
            return Err(HubError::invalid(Code::InvalidTimeout, "/lease_seconds", detail));
        }
        let (by, key, fence) = (caller.key(), key.map(|key| key.0), random::number());
        let claim = Use::Claim { digest: input.digest, by, key, fence, lease_seconds };
        let request = self.put_to_use(caller, id, claim).await?;
        let execution = request.execution.ok_or(HubError::Missing("the execution that was just claimed"))?;
        Ok(ClaimedAction {
            fence: execution.fence,
            command: request.payload.command,
            language: request.payload.language,
            context: request.payload.context,
            digest: request.digest,
            receipt: None,
            lease_expires_at: execution.lease_expires_at,
        })
    }

    /// Extends the lease of a claim.
    ///
    /// # Errors
    /// When the claim is another caller's, the fence does not match, or the lease has expired.
    pub async fn heartbeat(&self, caller: &Principal, id: RequestId, input: HeartbeatInput) -> Result<Lease, HubError> {
        let request = self.put_to_use(caller, id, Use::Heartbeat { fence: input.fence, by: caller.key() }).await?;
        Ok(Lease { lease_expires_at: request.execution.and_then(|execution| execution.lease_expires_at) })
    }

    /// Records the result of a run.
    ///
    /// # Errors
    /// When the claim is another caller's, the fence does not match, the lease has expired, or the output is too long.
    pub async fn report(&self, caller: &Principal, id: RequestId, input: ResultInput) -> Result<RequestView, HubError> {
        if input.output.as_ref().is_some_and(|output| output.len() > MAX_OUTPUT) {
            let detail = format!("output is limited to {MAX_OUTPUT} bytes: truncate it and set output_truncated");
            return Err(HubError::invalid(Code::TooLong, "/output", detail));
        }
        let report = ExecutionReport {
            status: input.status,
            exit_code: input.exit_code,
            // PostgreSQL cannot store NUL, but programs may print it.
            output: input.output.map(|output| output.replace('\0', "\u{2400}")),
            output_truncated: input.output_truncated,
            output_digest: input.output_digest,
        };
        let report = Use::Report { fence: input.fence, by: caller.key(), report };
        let request = self.put_to_use(caller, id, report).await?;
        Ok(self.view(request))
    }

    /// Revokes an approved action before it is used, or an access grant before it ends. Owners and deciders may do so.
    ///
    /// # Errors
    /// When the caller may not, or it is too late.
    pub async fn revoke(
        &self,
        caller: &Principal,
        id: RequestId,
        reason: Option<String>,
    ) -> Result<RequestView, HubError> {
        require(caller, Right::Revoke)?;
        input::optional("/reason", reason.as_ref(), limits::REASON)?;
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.sees(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        let (by, kind) = (caller.person().cloned(), request.kind);
        let context = self.change_context(caller.actor());
        let request = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    match kind {
                        Kind::Action => use_once(tx, id, Use::Revoke { by, reason }, &context).await,
                        Kind::Jit => advance_access(tx, id, GrantCommand::Revoke { by, reason }, &context).await,
                    }
                })
            })
            .await?
            .into_result()?;
        Ok(self.view(request))
    }

    async fn put_to_use(&self, caller: &Principal, id: RequestId, command: Use) -> Result<Request, HubError> {
        require(caller, Right::Ask)?;
        self.own(caller, id).await?;
        let context = self.change_context(caller.actor());
        let used =
            self.store.write(move |tx| Box::pin(async move { use_once(tx, id, command, &context).await })).await?;
        used.into_result()
    }
}

/// The request after a use command, and the answer to the caller. A refusal is not an `Err`: the transaction must
/// commit what time alone has changed, such as an expired lease.
pub(super) struct UseOutcome(Request, Result<(), UseRefusal>);

impl UseOutcome {
    fn into_result(self) -> Result<Request, HubError> {
        let Self(request, answer) = self;
        answer.map(|()| request).map_err(HubError::Use)
    }
}

/// Applies a use command to an execution. The clock is read inside the writer, where no other operation can intervene.
pub(super) async fn use_once(
    tx: &mut Tx,
    id: RequestId,
    command: Use,
    context: &ChangeContext,
) -> Result<UseOutcome, HubError> {
    let mut request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    let now = context.clock.now();
    let Some(before) = request.execution.clone() else { return Err(not_usable(&request)) };
    let late_report = match &command {
        Use::Report { report, .. } => {
            Some(json!({"exit_code": report.exit_code, "output_digest": report.output_digest}))
        }
        _ => None,
    };
    let UseVerdict { change, answer } = use_execution(&before, command, now);
    if let UseChange::Becomes(after) = change {
        executions::put(tx.session(), id, &after).await?;
        let moved = after.status != before.status;
        request.execution = Some(*after);
        if moved {
            record_and_announce(tx, &request, before.status, context, now).await?;
        }
        tx.signal(Signal::Deadline);
    }
    if let (Err(UseRefusal::LeaseOver), Some(details)) = (&answer, late_report) {
        // The status stays `unknown`, but the audit trail keeps the late report for investigators.
        tx.record(&Entry {
            request: Some(id),
            digest: Some(request.digest),
            details,
            ..Entry::new(now, "execution.reported_late", context.actor.clone())
        })?;
    }
    Ok(UseOutcome(request, answer))
}

async fn record_and_announce(
    tx: &mut Tx,
    request: &Request,
    from: ExecutionStatus,
    context: &ChangeContext,
    now: Timestamp,
) -> Result<(), HubError> {
    let Some(execution) = &request.execution else { return Ok(()) };
    let kind = if execution.status == ExecutionStatus::Claimed { "execution.claimed" } else { "execution.finished" };
    tx.record(&Entry {
        person: execution.revoked_by.clone(),
        request: Some(request.id),
        digest: Some(execution.digest),
        details: json!({
            "from": from, "to": execution.status, "exit_code": execution.exit_code, "output": execution.output,
            "output_truncated": execution.output_truncated, "output_digest": execution.output_digest, "reason": execution.reason,
        }),
        ..Entry::new(now, kind, context.actor.clone())
    })?;
    announce(tx, context, kind, request, &Roster::default(), now).await
}

/// Applies a grant command to the access of a request.
pub(super) async fn advance_access(
    tx: &mut Tx,
    id: RequestId,
    command: GrantCommand,
    context: &ChangeContext,
) -> Result<UseOutcome, HubError> {
    let mut request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    if request.grant.is_none() {
        return Err(not_usable(&request));
    }
    let now = context.clock.now();
    let answer = follow_up::advance_grant(tx, &mut request, command, context, now).await?;
    Ok(UseOutcome(request, answer.map_err(|_| UseRefusal::AlreadyFinished)))
}

/// The error for a request without an execution or grant.
fn not_usable(request: &Request) -> HubError {
    match (request.status, request.kind) {
        (Status::Pending, _) => HubError::conflict(Code::NotApproved, "this request is still pending"),
        (Status::Approved, Kind::Jit) => HubError::conflict(
            Code::NotAnAction,
            "this request is for access, which is not claimed: check it with GET /v1/access",
        ),
        (Status::Approved, Kind::Action) => HubError::conflict(
            Code::NotApproved,
            "this request was approved by a version without claims: create a new request",
        ),
        (status, _) => HubError::Refused { refusal: Refusal::of_ended(status), status, request: None },
    }
}
