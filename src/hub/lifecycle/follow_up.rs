//! The consequences of an approval: an execution to claim, an access grant, the review of a break-glass.

use std::time::Duration;

use serde_json::json;

use super::announce::announce;
use crate::approval::{
    Choice, Execution, Grant, GrantCommand, GrantStep, GrantVerdict, Kind, Method, Narrowing, Request, Review, Roster,
    Status, use_grant,
};
use crate::audit::Entry;
use crate::hub::HubError;
use crate::hub::change_context::ChangeContext;
use crate::ids::GrantId;
use crate::store::{Signal, Tx, executions, grants, reviews};
use crate::time::Timestamp;

/// Creates the execution or grant of an approved request, and the review of a break-glass. Expects the request with its
/// decision applied.
pub(super) async fn open(tx: &mut Tx, request: &mut Request, now: Timestamp) -> Result<(), HubError> {
    if request.status != Status::Approved {
        return Ok(());
    }
    match request.kind {
        Kind::Action => {
            let execution = Execution::new(request.digest, now + request.terms.procedure.use_within());
            executions::put(tx.session(), request.id, &execution).await?;
            request.execution = Some(execution);
        }
        Kind::Jit => {
            let grant = new_grant(request, now)?;
            grants::put(tx.session(), &grant).await?;
            request.grant = Some(grant);
        }
    }
    open_review(tx, request, now).await?;
    tx.signal(Signal::Deadline);
    Ok(())
}

fn new_grant(request: &Request, now: Timestamp) -> Result<Grant, HubError> {
    let person = request.beneficiary.clone().or_else(|| request.requester.email.clone());
    // A request for access without a person is rejected when it is created.
    let person = person.ok_or(HubError::Missing("the person to grant access to"))?;
    let narrowings: Vec<Narrowing> =
        request.live_votes().filter(|vote| vote.choice == Choice::Approve).filter_map(|vote| vote.narrowing).collect();
    let seconds = request.payload.duration_seconds.unwrap_or(1);
    Ok(Grant::new(GrantId::mint(now), request.id, request.resource.clone(), person, seconds, &narrowings, now))
}

async fn open_review(tx: &mut Tx, request: &mut Request, now: Timestamp) -> Result<(), HubError> {
    let Some(decision) = request.decision.as_ref().filter(|decision| decision.method == Method::BreakGlass) else {
        return Ok(());
    };
    let (Some(by), Some(right)) = (decision.by.first(), &request.terms.procedure.break_glass) else { return Ok(()) };
    let due_at = now + Duration::from_secs(right.review_within_seconds.into());
    let review = Review { by: by.clone(), due_at, reviewed_at: None, reviewed_by: None, justified: None, note: None };
    reviews::open(tx.session(), request.id, &review, now).await?;
    request.review = Some(review);
    Ok(())
}

/// Applies a command to the request's grant: starts or ends it when due, or revokes it. Records and announces each
/// step.
pub(super) async fn advance_grant(
    tx: &mut Tx,
    request: &mut Request,
    command: GrantCommand,
    context: &ChangeContext,
    now: Timestamp,
) -> Result<Result<(), crate::approval::GrantRefusal>, HubError> {
    let Some(grant) = &request.grant else { return Err(HubError::Missing("the grant of a request for access")) };
    let GrantVerdict { steps, answer } = use_grant(grant, command, now);
    for step in steps {
        let kind = match &step {
            GrantStep::Started(_) => "grant.started",
            GrantStep::Ended(_) => "grant.ended",
            GrantStep::Revoked(_) => "grant.revoked",
        };
        let grant = step.grant().clone();
        grants::put(tx.session(), &grant).await?;
        tx.record(&Entry {
            person: grant.ended_by.clone(),
            request: Some(request.id),
            digest: Some(request.digest),
            details: json!({
                "grant": grant.id, "requester": grant.requester, "starts_at": grant.starts_at, "ends_at": grant.ends_at,
                "reason": grant.reason,
            }),
            ..Entry::new(now, kind, context.actor.clone())
        })?;
        request.grant = Some(grant);
        announce(tx, context, kind, request, &Roster::default(), now).await?;
    }
    tx.signal(Signal::Deadline);
    Ok(answer)
}
