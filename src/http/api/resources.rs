//! `/v1/resources`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Answer, Paging};
use crate::approval::ResourceName;
use crate::http::App;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::{Page, ResourceInput, ResourceTrial, ResourceTrialInput, ResourceView};

/// `PUT /v1/resources/{name}`
pub(in crate::http) async fn put(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<ResourceName>,
    Body(input): Body<ResourceInput>,
) -> Answer<Json<ResourceView>> {
    Ok(Json(app.hub.put_resource(&caller, name, input).await?))
}

/// `GET /v1/resources/{name}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<ResourceName>,
) -> Answer<Json<ResourceView>> {
    Ok(Json(app.hub.resource(&caller, &name).await?))
}

/// `GET /v1/resources`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<ResourceView>>> {
    Ok(Json(app.hub.resources(&caller, paging.limit()?, paging.after()).await?))
}

/// `DELETE /v1/resources/{name}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<ResourceName>,
) -> Answer<StatusCode> {
    app.hub.delete_resource(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/resources/{name}/trial`
pub(in crate::http) async fn trial(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(name): Segment<ResourceName>,
    Body(input): Body<ResourceTrialInput>,
) -> Answer<Json<ResourceTrial>> {
    Ok(Json(app.hub.try_resource(&caller, name, input).await?))
}
