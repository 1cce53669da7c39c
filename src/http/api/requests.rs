//! `/v1/requests`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::{Answer, Paging};
use crate::approval::{Choice, Email, GroupName, Kind, ResourceName, Status};
use crate::audit::Sealed;
use crate::codes::Code;
use crate::http::extract::{Body, Caller, Idempotency, OptionalBody, Params, Segment};
use crate::http::{App, Problem};
use crate::hub::{
    Ask, CancelInput, ChangeTrial, ClaimInput, ClaimedAction, Comment, CommentInput, Evaluation, Explanation,
    GlassInput, HeartbeatInput, History, Lease, ListFilter, Page, Reminded, RequestView, ResultInput, ReviewInput,
    ReviseInput, Step, TryChange, VoteInput,
};
use crate::identity::Principal;
use crate::ids::RequestId;
use crate::time::Timestamp;

/// `POST /v1/requests`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Idempotency(key): Idempotency,
    Body(ask): Body<Ask>,
) -> Answer<impl IntoResponse> {
    let asked = app.hub.ask(&caller, ask, key).await?;
    let replayed = if asked.replayed { "true" } else { "false" };
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (HeaderName::from_static("idempotent-replayed"), replayed)];
    Ok((StatusCode::CREATED, headers, asked.request))
}

/// The query parameters of a list of requests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct List {
    status: Option<Status>,
    resource: Option<ResourceName>,
    /// People are e-mail addresses, or `me` for the caller's person.
    requester: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    kind: Option<Kind>,
    group: Option<GroupName>,
    approver: Option<String>,
    waiting_for: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /v1/requests`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(list): Params<List>,
) -> Answer<Json<Page<RequestView>>> {
    let List { status, resource, requester, from, to, kind, group, approver, waiting_for, limit, cursor } = list;
    let person = |name, text: Option<String>| text.map(|text| person(&caller, name, &text)).transpose();
    let (requester, approver) = (person("requester", requester)?, person("approver", approver)?);
    let waiting_for = person("waiting_for", waiting_for)?;
    let filter = ListFilter { status, resource, requester, from, to, kind, group, approver, waiting_for };
    let paging = Paging { limit, cursor };
    Ok(Json(app.hub.list(&caller, filter, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// A person of a filter: an address, or `me` for the caller's person.
pub(in crate::http) fn person(caller: &Principal, name: &str, text: &str) -> Answer<Email> {
    let own = caller.person().filter(|_| text == "me").cloned();
    own.or_else(|| text.parse().ok()).ok_or_else(|| {
        let detail = format!("{name} must be an e-mail address, or `me` with a token that belongs to a person");
        Problem::new(Code::InvalidParameter, detail)
    })
}

/// The query parameters of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wait {
    /// Seconds to wait for a decision.
    wait: Option<u64>,
}

/// `GET /v1/requests/{id}?wait=60`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Params(Wait { wait }): Params<Wait>,
) -> Answer<Json<RequestView>> {
    // Waiting calls may use at most half of the connections; without a permit, the call returns the current state.
    let permit = wait.filter(|wait| *wait > 0).and_then(|_| app.waits.try_acquire().ok());
    let wait = Duration::from_secs(wait.filter(|_| permit.is_some()).unwrap_or(0));
    Ok(Json(app.hub.wait(&caller, id, wait, &app.stop).await?))
}

/// `POST /v1/requests/{id}/approve`
pub(in crate::http) async fn approve(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    OptionalBody(input): OptionalBody<VoteInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.vote(&caller, id, Choice::Approve, input).await?))
}

/// `POST /v1/requests/{id}/reject`
pub(in crate::http) async fn reject(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    OptionalBody(input): OptionalBody<VoteInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.vote(&caller, id, Choice::Reject, input).await?))
}

/// `POST /v1/requests/{id}/cancel`
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    OptionalBody(input): OptionalBody<CancelInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.cancel(&caller, id, input).await?))
}

/// `GET /v1/requests/{id}/audit`
pub(in crate::http) async fn trail(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
) -> Answer<Json<Page<Sealed>>> {
    Ok(Json(Page { items: app.hub.trail(&caller, id).await?, next_cursor: None }))
}

/// `POST /v1/requests/{id}/revise`
pub(in crate::http) async fn revise(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(input): Body<ReviseInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.revise(&caller, id, input).await?))
}

/// `POST /v1/requests/{id}/break-glass`
pub(in crate::http) async fn break_glass(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(input): Body<GlassInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.break_glass(&caller, id, input).await?))
}

/// `POST /v1/requests/{id}/review`
pub(in crate::http) async fn review(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(input): Body<ReviewInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.review(&caller, id, input).await?))
}

/// `POST /v1/requests/{id}/claim`
pub(in crate::http) async fn claim(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Idempotency(key): Idempotency,
    Body(input): Body<ClaimInput>,
) -> Answer<Json<ClaimedAction>> {
    Ok(Json(app.hub.claim(&caller, id, input, key).await?))
}

/// `POST /v1/requests/{id}/heartbeat`
pub(in crate::http) async fn heartbeat(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(input): Body<HeartbeatInput>,
) -> Answer<Json<Lease>> {
    Ok(Json(app.hub.heartbeat(&caller, id, input).await?))
}

/// `POST /v1/requests/{id}/result`
pub(in crate::http) async fn report(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(input): Body<ResultInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.report(&caller, id, input).await?))
}

/// `POST /v1/requests/{id}/revoke`
pub(in crate::http) async fn revoke(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    OptionalBody(input): OptionalBody<CancelInput>,
) -> Answer<Json<RequestView>> {
    Ok(Json(app.hub.revoke(&caller, id, input.reason).await?))
}

/// `GET /v1/requests/{id}/explain`
pub(in crate::http) async fn explain(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
) -> Answer<Json<Explanation>> {
    Ok(Json(app.hub.explain(&caller, id).await?))
}

/// `POST /v1/requests/{id}/try-change`
pub(in crate::http) async fn try_change(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(change): Body<TryChange>,
) -> Answer<Json<ChangeTrial>> {
    Ok(Json(app.hub.try_change(&caller, id, change).await?))
}

/// `GET /v1/requests/{id}/history`
pub(in crate::http) async fn history(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
) -> Answer<Json<History>> {
    Ok(Json(app.hub.history(&caller, id).await?))
}

/// `GET /v1/requests/{id}/timeline`
pub(in crate::http) async fn timeline(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
) -> Answer<Json<Page<Step>>> {
    Ok(Json(app.hub.timeline(&caller, id).await?))
}

/// `GET /v1/requests/{id}/comments`
pub(in crate::http) async fn comments(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
) -> Answer<Json<Page<Comment>>> {
    Ok(Json(app.hub.comments(&caller, id).await?))
}

/// `POST /v1/requests/{id}/comments`
pub(in crate::http) async fn comment(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Body(input): Body<CommentInput>,
) -> Answer<impl IntoResponse> {
    Ok((StatusCode::CREATED, Json(app.hub.comment(&caller, id, input).await?)))
}

/// `POST /v1/requests/{id}/remind`
pub(in crate::http) async fn remind(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
) -> Answer<Json<Reminded>> {
    Ok(Json(app.hub.remind(&caller, id).await?))
}

/// `POST /v1/evaluate`
pub(in crate::http) async fn evaluate(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(ask): Body<Ask>,
) -> Answer<Json<Evaluation>> {
    Ok(Json(app.hub.evaluate(&caller, ask).await?))
}
