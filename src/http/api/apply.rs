//! `/v1/apply`: declarative configuration.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Body, Caller, Params};
use crate::hub::{ApplyPlan, Manifest, Page};
use crate::store::applied::Applied;

/// The query parameters of an apply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Mode {
    #[serde(default)]
    dry_run: bool,
}

/// `POST /v1/apply?dry_run=true`
pub(in crate::http) async fn apply(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(Mode { dry_run }): Params<Mode>,
    Body(manifest): Body<Manifest>,
) -> Answer<Json<ApplyPlan>> {
    Ok(Json(app.hub.apply(&caller, manifest, dry_run).await?))
}

/// `GET /v1/applied`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Applied>>> {
    Ok(Json(app.hub.all_applied(&caller, paging.limit()?, paging.after()).await?))
}
