//! `/v1/me`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Answer;
use crate::http::App;
use crate::http::extract::Caller;
use crate::hub::CallerView;

/// `GET /v1/me`
pub(in crate::http) async fn show(State(app): State<App>, Caller(caller): Caller) -> Json<CallerView> {
    Json(app.hub.caller(&caller))
}

/// `DELETE /v1/me/session`
pub(in crate::http) async fn sign_out(State(app): State<App>, Caller(caller): Caller) -> Answer<StatusCode> {
    app.hub.end_own_session(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
