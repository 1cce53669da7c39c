//! `/v1/inbox`.

use axum::Json;
use axum::extract::State;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Caller, Params};
use crate::hub::Inbox;

/// `GET /v1/inbox`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Params(paging): Params<Paging>,
) -> Answer<Json<Inbox>> {
    let (inbox, _) = app.hub.inbox(&caller, paging.limit()?, paging.cursor.as_deref()).await?;
    Ok(Json(inbox))
}
