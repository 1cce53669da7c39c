//! `/v1/audit`.

use axum::Json;
use axum::extract::State;

use super::{Answer, Paging};
use crate::audit::Sealed;
use crate::http::extract::{Caller, Params};
use crate::http::{App, Problem};
use crate::hub::Page;

/// `GET /v1/audit`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Sealed>>> {
    let after = paging.cursor.as_deref().map_or(Ok(0), |cursor| {
        let detail = "this cursor is none that a list gave: take next_cursor as it is";
        cursor.parse().map_err(|_| Problem::new("invalid_cursor", detail))
    })?;
    Ok(Json(app.hub.audit(&caller, after, paging.limit()).await?))
}
