//! `/v1/me`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Caller, Params};
use crate::hub::{Askable, CallerView, Page};

/// `GET /v1/me`
pub(in crate::http) async fn show(State(app): State<App>, Caller(caller): Caller) -> Json<CallerView> {
    Json(app.hub.caller(&caller))
}

/// `GET /v1/me/resources`
pub(in crate::http) async fn resources(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Askable>>> {
    Ok(Json(app.hub.askable(&caller, paging.limit()?, paging.after()).await?))
}

/// `DELETE /v1/me/session`
pub(in crate::http) async fn sign_out(State(app): State<App>, Caller(caller): Caller) -> Answer<StatusCode> {
    app.hub.end_own_session(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
