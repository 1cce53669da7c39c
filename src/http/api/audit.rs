//! `/v1/audit`.

use axum::Json;
use axum::extract::State;

use serde::Deserialize;

use super::{Answer, Paging};
use crate::audit::Sealed;
use crate::http::App;
use crate::http::extract::{Caller, Params};
use crate::hub::{AuditOrder, Page};

/// The query parameters of the trail.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Trail {
    #[serde(default)]
    order: AuditOrder,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /v1/audit`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(Trail { order, limit, cursor }): Params<Trail>,
) -> Answer<Json<Page<Sealed>>> {
    let paging = Paging { limit, cursor };
    Ok(Json(app.hub.audit_in(&caller, order, paging.limit()?, paging.cursor.as_deref()).await?))
}
