//! `/healthz` and `/readyz`: for load balancers and supervisors.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Answer;
use crate::http::App;
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
