//! `/healthz`, `/readyz` and `/metrics`: for load balancers, supervisors and whoever watches.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::Answer;
use crate::http::App;
use crate::http::exposition::Exposition;
use crate::hub::HubError;

/// `GET /healthz`: the process answers.
pub(in crate::http) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// `GET /readyz`: the database answers too.
pub(in crate::http) async fn ready(State(app): State<App>) -> Answer<Json<Value>> {
    app.hub.ready().await.map_err(HubError::from)?;
    Ok(Json(json!({"status": "ready"})))
}

/// `GET /metrics`: figures in the text format that the caller wants. They name nobody, so nobody is asked for a token.
pub(in crate::http) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Answer<impl IntoResponse> {
    let format = Exposition::wanted(&headers);
    let text = app.hub.metrics().await.map_err(HubError::from)?;
    Ok(([(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")], format.of(text)))
}
