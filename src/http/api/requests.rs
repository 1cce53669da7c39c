//! `/v1/requests`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::{Answer, Paging};
use crate::approval::{Choice, Email, ResourceName, Status};
use crate::audit::Sealed;
use crate::http::App;
use crate::http::extract::{Body, Caller, Idempotency, OptionalBody, Params, Segment};
use crate::hub::{Ask, CancelInput, ListFilter, Page, RequestView, VoteInput};
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
    Ok((StatusCode::CREATED, [(HeaderName::from_static("idempotent-replayed"), replayed)], Json(asked.request)))
}

/// Which requests, and which part of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct List {
    status: Option<Status>,
    resource: Option<ResourceName>,
    requester: Option<Email>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /v1/requests`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(List { status, resource, requester, from, to, limit, cursor }): Params<List>,
) -> Answer<Json<Page<RequestView>>> {
    let (filter, paging) = (ListFilter { status, resource, requester, from, to }, Paging { limit, cursor });
    Ok(Json(app.hub.list(&caller, filter, paging.limit(), paging.cursor.as_deref()).await?))
}

/// How long to wait for a decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wait {
    /// Seconds.
    wait: Option<u64>,
}

/// `GET /v1/requests/{id}?wait=60`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<RequestId>,
    Params(Wait { wait }): Params<Wait>,
) -> Answer<Json<RequestView>> {
    let wait = Duration::from_secs(wait.unwrap_or(0));
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
