//! `/v1/access` and `/v1/grants`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{Answer, Paging};
use crate::approval::{Email, GrantStatus, ResourceName};
use crate::http::App;
use crate::http::extract::{Caller, OptionalBody, Params, Segment};
use crate::hub::{Access, CancelInput, GrantFilter, GrantView, Page};
use crate::ids::GrantId;

/// The query parameters of an access check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Question {
    resource: ResourceName,
    requester: Email,
}

/// `GET /v1/access?resource=&requester=`
pub(in crate::http) async fn access(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(Question { resource, requester }): Params<Question>,
) -> Answer<Json<Access>> {
    Ok(Json(app.hub.access(&caller, resource, requester).await?))
}

/// The query parameters of a list of grants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct List {
    resource: Option<ResourceName>,
    requester: Option<Email>,
    status: Option<GrantStatus>,
    open: Option<bool>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /v1/grants`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(List { resource, requester, status, open, limit, cursor }): Params<List>,
) -> Answer<Json<Page<GrantView>>> {
    let (filter, paging) = (GrantFilter { resource, requester, status, open }, Paging { limit, cursor });
    Ok(Json(app.hub.grants(&caller, filter, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// `GET /v1/grants/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<GrantId>,
) -> Answer<Json<GrantView>> {
    Ok(Json(app.hub.grant(&caller, id).await?))
}

/// `POST /v1/grants/{id}/revoke`
pub(in crate::http) async fn revoke(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<GrantId>,
    OptionalBody(input): OptionalBody<CancelInput>,
) -> Answer<Json<GrantView>> {
    Ok(Json(app.hub.revoke_grant(&caller, id, input.reason).await?))
}
