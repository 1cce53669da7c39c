//! `/v1/templates`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Answer;
use crate::http::App;
use crate::http::extract::{Body, Caller, Params, Segment};
use crate::hub::{
    PreviewInput, Previews, RestoreInput, TemplateFor, TemplateInput, TemplateList, TemplateVersion, TemplateView,
};
use crate::store::endpoints::Channel;

/// Channel and event.
type Named = Segment<(Channel, String)>;

/// `PUT /v1/templates/{channel}/{event}`
pub(in crate::http) async fn put(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment((channel, event)): Named,
    Params(what): Params<TemplateFor>,
    Body(input): Body<TemplateInput>,
) -> Answer<Json<TemplateView>> {
    Ok(Json(app.hub.put_template(&caller, channel, event, what, input).await?))
}

/// `GET /v1/templates/{channel}/{event}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment((channel, event)): Named,
    Params(what): Params<TemplateFor>,
) -> Answer<Json<TemplateView>> {
    Ok(Json(app.hub.template(&caller, channel, event, what).await?))
}

/// `DELETE /v1/templates/{channel}/{event}`
pub(in crate::http) async fn delete(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment((channel, event)): Named,
    Params(what): Params<TemplateFor>,
) -> Answer<StatusCode> {
    app.hub.delete_template(&caller, channel, event, what).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/templates`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
) -> Answer<Json<TemplateList<TemplateView>>> {
    Ok(Json(app.hub.templates(&caller).await?))
}

/// `GET /v1/templates/{channel}/{event}/versions`
pub(in crate::http) async fn versions(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment((channel, event)): Named,
    Params(what): Params<TemplateFor>,
) -> Answer<Json<TemplateList<TemplateVersion>>> {
    Ok(Json(app.hub.template_versions(&caller, channel, event, what).await?))
}

/// `POST /v1/templates/{channel}/{event}/restore`
pub(in crate::http) async fn restore(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment((channel, event)): Named,
    Params(what): Params<TemplateFor>,
    Body(input): Body<RestoreInput>,
) -> Answer<Json<TemplateView>> {
    Ok(Json(app.hub.restore_template(&caller, channel, event, what, input).await?))
}

/// `POST /v1/templates/preview`
pub(in crate::http) async fn preview(
    State(app): State<App>,
    Caller(caller): Caller,
    Body(input): Body<PreviewInput>,
) -> Answer<Json<Previews>> {
    Ok(Json(app.hub.preview_template(&caller, input).await?))
}
