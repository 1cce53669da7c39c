//! `/v1/endpoints`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Answer, Paging};
use crate::delivery::Trial;
use crate::http::App;
use crate::http::extract::{Body, Caller, KeyedBody, OptionalBody, Params, Segment};
use crate::hub::{
    EndpointInput, EndpointPatch, EndpointStatus, EndpointView, Page, RotateInput, RotateLinksInput, TestInput,
    WithSecret,
};
use crate::ids::EndpointId;

/// `POST /v1/endpoints`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    KeyedBody(input, key): KeyedBody<EndpointInput>,
) -> Answer<(StatusCode, Json<WithSecret>)> {
    Ok((StatusCode::CREATED, Json(app.hub.create_endpoint(&caller, input, key).await?)))
}

/// `GET /v1/endpoints/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
) -> Answer<Json<EndpointStatus>> {
    Ok(Json(app.hub.endpoint(&caller, id).await?))
}

/// `GET /v1/endpoints`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<EndpointStatus>>> {
    Ok(Json(app.hub.endpoints(&caller, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// `PATCH /v1/endpoints/{id}`
pub(in crate::http) async fn patch(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    Body(patch): Body<EndpointPatch>,
) -> Answer<Json<EndpointView>> {
    Ok(Json(app.hub.patch_endpoint(&caller, id, patch).await?))
}

/// `DELETE /v1/endpoints/{id}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
) -> Answer<StatusCode> {
    app.hub.delete_endpoint(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/endpoints/{id}/pause`
pub(in crate::http) async fn pause(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
) -> Answer<Json<EndpointView>> {
    Ok(Json(app.hub.pause_endpoint(&caller, id).await?))
}

/// `POST /v1/endpoints/{id}/resume`
pub(in crate::http) async fn resume(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
) -> Answer<Json<EndpointView>> {
    Ok(Json(app.hub.resume_endpoint(&caller, id).await?))
}

/// `POST /v1/endpoints/{id}/rotate-secret`
pub(in crate::http) async fn rotate_secret(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    KeyedBody(input, key): KeyedBody<RotateInput>,
) -> Answer<Json<WithSecret>> {
    Ok(Json(app.hub.rotate_secret(&caller, id, input, key).await?))
}

/// `POST /v1/endpoints/{id}/rotate-links`
pub(in crate::http) async fn rotate_links(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    KeyedBody(input, key): KeyedBody<RotateLinksInput>,
) -> Answer<Json<EndpointView>> {
    Ok(Json(app.hub.rotate_links(&caller, id, input, key).await?))
}

/// `POST /v1/endpoints/{id}/test`
pub(in crate::http) async fn test(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    OptionalBody(input): OptionalBody<TestInput>,
) -> Answer<Json<Trial>> {
    Ok(Json(app.hub.test_endpoint(&caller, id, input).await?))
}
