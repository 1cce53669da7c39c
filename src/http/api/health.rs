//! `/healthz`, `/readyz` and `/metrics`, for load balancers, supervisors and monitoring.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Value, json};

use super::Answer;
use crate::codes::Code;
use crate::http::App;
use crate::http::exposition::Exposition;
use crate::http::problem::Problem;
use crate::hub::{HubError, Readiness};
use crate::store::StoreError;

/// `GET /healthz`: the process answers.
pub(in crate::http) async fn alive() -> Json<Value> {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// The body of `/readyz`: the status, and findings for an operator.
#[derive(Serialize)]
pub(in crate::http) struct Ready {
    status: &'static str,
    #[serde(flatten)]
    readiness: Readiness,
}

/// `GET /readyz`: the database reads and writes.
pub(in crate::http) async fn ready(State(app): State<App>) -> Answer<Json<Ready>> {
    match app.hub.ready().await {
        Ok(mut readiness) => {
            readiness.warnings.extend(app.tls.as_ref().and_then(|tls| tls.warning(app.hub.now())));
            Ok(Json(Ready { status: "ready", readiness }))
        }
        Err(error @ StoreError::Displaced(_)) => Err(HubError::from(error).into()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            let why = match error.fault() {
                Some(fault) => {
                    format!(
                        "the database is unavailable ({}): {}; the hub continues when the database is available again",
                        fault.as_str(),
                        fault.next_step()
                    )
                }
                None => "the database rejects the hub's statements: see the hub's log".to_owned(),
            };
            Err(Problem::new(Code::StorageUnavailable, why))
        }
    }
}

/// `GET /metrics`, in the text format that the caller prefers. Metrics contain no personal data, so no token is needed.
pub(in crate::http) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Answer<impl IntoResponse> {
    let format = Exposition::wanted(&headers);
    let text = app.refusals.added_to(app.hub.metrics().await.map_err(HubError::from)?);
    Ok(([(header::CONTENT_TYPE, format.media_type()), (header::VARY, "accept")], format.of(text)))
}
