//! `/v1/endpoints/{id}/replay` and `/v1/replays`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Caller, KeyedBody, Params, Segment};
use crate::hub::{Page, ReplayAnswer, ReplayInput};
use crate::ids::{EndpointId, ReplayId};
use crate::store::replays::Replay;

/// `POST /v1/endpoints/{id}/replay`
pub(in crate::http) async fn create(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    KeyedBody(input, key): KeyedBody<ReplayInput>,
) -> Answer<(StatusCode, Json<ReplayAnswer>)> {
    let answer = app.hub.replay(&caller, id, input, key).await?;
    let status = match &answer {
        ReplayAnswer::Counted { .. } => StatusCode::OK,
        ReplayAnswer::Started(_) => StatusCode::CREATED,
    };
    Ok((status, Json(answer)))
}

/// `GET /v1/endpoints/{id}/replays`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Replay>>> {
    Ok(Json(app.hub.replays(&caller, id, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// `GET /v1/replays/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ReplayId>,
) -> Answer<Json<Replay>> {
    Ok(Json(app.hub.show_replay(&caller, id).await?))
}

/// `POST /v1/replays/{id}/cancel`
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<ReplayId>,
) -> Answer<Json<Replay>> {
    Ok(Json(app.hub.cancel_replay(&caller, id).await?))
}
