//! Using what was approved: a claim that is given out once, news that it is still running, and how it went.

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
use crate::hub::access::is_own;
use crate::hub::scene::Scene;
use crate::hub::{Hub, HubError, IdempotencyKey, RequestView, input, require};
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::random;
use crate::store::{Signal, Tx, executions, requests};
use crate::time::Timestamp;

/// Life of a claim without news of it, unless said otherwise.
const LEASE_SECONDS: u32 = 3_600;
/// Lives of a claim that may be asked for.
const LEASES: std::ops::RangeInclusive<u32> = 10..=86_400;
/// Bytes of output that are kept.
const MAX_OUTPUT: usize = 64 * 1024;

/// What comes with a claim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimInput {
    /// What the caller saw approved.
    pub digest: Digest,
    /// How long the claim holds without news of it.
    #[serde(default)]
    pub lease_seconds: Option<u32>,
}

/// What may run, once.
#[derive(Debug, Serialize)]
pub struct Claimed {
    /// Fencing token of this claim: every heartbeat and result carries it. An unguessable number below 2⁵³.
    pub fence: u64,
    /// Exactly what to run.
    pub command: String,
    /// What language it is in.
    pub language: Option<String>,
    /// Facts about it.
    pub context: Option<Value>,
    /// Of all of it.
    pub digest: Digest,
    /// No signed statements are made yet.
    pub receipt: Option<String>,
    /// Until when the claim holds without news of it.
    pub lease_expires_at: Option<Timestamp>,
}

/// News that a claim is still being used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatInput {
    /// Of the claim.
    pub fence: u64,
}

/// Until when a claim holds.
#[derive(Debug, Serialize)]
pub struct Lease {
    /// Without further news.
    pub lease_expires_at: Option<Timestamp>,
}

/// How a run went.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultInput {
    /// Of the claim.
    pub fence: u64,
    /// Whether it did what it should.
    pub status: ReportStatus,
    /// What the program answered.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// What it printed, as far as it is to be kept.
    #[serde(default)]
    pub output: Option<String>,
    /// Whether it printed more.
    #[serde(default)]
    pub output_truncated: bool,
    /// Of all it printed.
    #[serde(default)]
    pub output_digest: Option<Digest>,
}

impl Hub {
    /// Gives an approved action out to be run, once.
    ///
    /// # Errors
    /// When it is not the caller's, not approved, used or revoked before, too late, or the digest is another.
    pub async fn claim(
        &self,
        caller: &Principal,
        id: RequestId,
        input: ClaimInput,
        key: Option<IdempotencyKey>,
    ) -> Result<Claimed, HubError> {
        let lease_seconds = input.lease_seconds.unwrap_or(LEASE_SECONDS);
        if !LEASES.contains(&lease_seconds) {
            let detail = "lease_seconds must be between 10 and 86400 (a day)";
            return Err(HubError::invalid(Code::InvalidTimeout, "/lease_seconds", detail));
        }
        let (by, key, fence) = (caller.key(), key.map(|key| key.0), random::number());
        let claim = Use::Claim { digest: input.digest, by, key, fence, lease_seconds };
        let request = self.put_to_use(caller, id, claim).await?;
        let execution = request.execution.ok_or(HubError::Missing("the execution that was just claimed"))?;
        Ok(Claimed {
            fence: execution.fence,
            command: request.payload.command,
            language: request.payload.language,
            context: request.payload.context,
            digest: request.digest,
            receipt: None,
            lease_expires_at: execution.lease_expires_at,
        })
    }

    /// Prolongs a claim.
    ///
    /// # Errors
    /// When the claim is another caller's or has another fence, or its lease is over.
    pub async fn heartbeat(&self, caller: &Principal, id: RequestId, input: HeartbeatInput) -> Result<Lease, HubError> {
        let request = self.put_to_use(caller, id, Use::Heartbeat { fence: input.fence, by: caller.key() }).await?;
        Ok(Lease { lease_expires_at: request.execution.and_then(|execution| execution.lease_expires_at) })
    }

    /// Writes down how a run went.
    ///
    /// # Errors
    /// When the claim is another caller's or has another fence, its lease is over, or the output is too long.
    pub async fn report(&self, caller: &Principal, id: RequestId, input: ResultInput) -> Result<RequestView, HubError> {
        if input.output.as_ref().is_some_and(|output| output.len() > MAX_OUTPUT) {
            let detail = format!("at most {MAX_OUTPUT} bytes of output are kept: cut it and say output_truncated");
            return Err(HubError::invalid(Code::TooLong, "/output", detail));
        }
        let report = ExecutionReport {
            status: input.status,
            exit_code: input.exit_code,
            // The one character that no database column takes; programs print it all the same.
            output: input.output.map(|output| output.replace('\0', "\u{2400}")),
            output_truncated: input.output_truncated,
            output_digest: input.output_digest,
        };
        let report = Use::Report { fence: input.fence, by: caller.key(), report };
        let request = self.put_to_use(caller, id, report).await?;
        Ok(self.view(request))
    }

    /// Takes back what was approved, before it is used or while it lasts. Whoever asked may, and whoever may decide.
    ///
    /// # Errors
    /// When the caller may not, or it is too late.
    pub async fn revoke(
        &self,
        caller: &Principal,
        id: RequestId,
        reason: Option<String>,
    ) -> Result<RequestView, HubError> {
        input::optional("/reason", reason.as_ref(), limits::REASON)?;
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        if !self.may_revoke(caller, &request).await? {
            return Err(HubError::NotFound("request"));
        }
        let (by, kind) = (caller.person().cloned(), request.kind);
        let scene = self.scene(caller.actor());
        let request = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    match kind {
                        Kind::Action => use_once(tx, id, Use::Revoke { by, reason }, &scene).await,
                        Kind::Jit => end_early(tx, id, GrantCommand::Revoke { by, reason }, &scene).await,
                    }
                })
            })
            .await?
            .kept()?;
        Ok(self.view(request))
    }

    async fn may_revoke(&self, caller: &Principal, request: &Request) -> Result<bool, HubError> {
        let acts = [Scope::Requester, Scope::Approver, Scope::Decider].iter().any(|scope| caller.has(*scope));
        Ok(acts && (is_own(caller, request) || caller.has(Scope::Decider) || self.sees(caller, request).await?))
    }

    async fn put_to_use(&self, caller: &Principal, id: RequestId, command: Use) -> Result<Request, HubError> {
        require(caller, &[Scope::Requester])?;
        self.own(caller, id).await?;
        let scene = self.scene(caller.actor());
        let used = self.store.write(move |tx| Box::pin(async move { use_once(tx, id, command, &scene).await })).await?;
        used.kept()
    }
}

/// The request afterwards, and what the caller is to be told: kept apart, since what time has done is written all the same.
pub(super) struct Used(Request, Result<(), UseRefusal>);

impl Used {
    fn kept(self) -> Result<Request, HubError> {
        let Self(request, answer) = self;
        answer.map(|()| request).map_err(HubError::Use)
    }
}

/// Puts a command to the use of an approved action. The time is read here, where nobody else can change it.
pub(super) async fn use_once(tx: &mut Tx, id: RequestId, command: Use, scene: &Scene) -> Result<Used, HubError> {
    let mut request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    let now = scene.clock.now();
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
            tell(tx, &request, before.status, scene, now).await?;
        }
        tx.signal(Signal::Deadline);
    }
    if let (Err(UseRefusal::LeaseOver), Some(details)) = (&answer, late_report) {
        // What became of it stays unknown to the hub, but whoever looks into it finds what was said.
        tx.record(&Entry {
            request: Some(id),
            digest: Some(request.digest),
            details,
            ..Entry::new(now, "execution.reported_late", scene.actor.clone())
        })?;
    }
    Ok(Used(request, answer))
}

async fn tell(
    tx: &mut Tx,
    request: &Request,
    from: ExecutionStatus,
    scene: &Scene,
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
        ..Entry::new(now, kind, scene.actor.clone())
    })?;
    announce(tx, scene, kind, request, &Roster::default(), now).await
}

/// Ends access early.
pub(super) async fn end_early(
    tx: &mut Tx,
    id: RequestId,
    command: GrantCommand,
    scene: &Scene,
) -> Result<Used, HubError> {
    let mut request = requests::get(tx.session(), id).await?.ok_or(HubError::NotFound("request"))?;
    if request.grant.is_none() {
        return Err(not_usable(&request));
    }
    let now = scene.clock.now();
    let answer = follow_up::advance_grant(tx, &mut request, command, scene, now).await?;
    Ok(Used(request, answer.map_err(|_| UseRefusal::AlreadyFinished)))
}

/// Why there is nothing to use.
fn not_usable(request: &Request) -> HubError {
    match (request.status, request.kind) {
        (Status::Pending, _) => HubError::conflict(Code::NotApproved, "this request waits for its decision still"),
        (Status::Approved, Kind::Jit) => {
            HubError::conflict(Code::NotAnAction, "this is access for a time, which is not claimed: ask GET /v1/access")
        }
        (Status::Approved, Kind::Action) => HubError::conflict(
            Code::NotApproved,
            "this request was approved before approvals could be claimed: ask again",
        ),
        (status, _) => HubError::Refused { refusal: Refusal::of_ended(status), status, request: None },
    }
}
