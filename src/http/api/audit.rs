//! `/v1/audit`.

use axum::Json;
use axum::extract::State;

use super::{Answer, Paging};
use crate::audit::Sealed;
use crate::http::App;
use crate::http::extract::{Caller, Params};
use crate::hub::Page;

/// `GET /v1/audit`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Sealed>>> {
    Ok(Json(app.hub.audit(&caller, paging.limit()?, paging.cursor.as_deref()).await?))
}
