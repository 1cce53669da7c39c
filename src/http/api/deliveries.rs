//! `/v1/endpoints/{id}/deliveries`, `/v1/endpoints/{id}/attempts` and `/v1/deliveries`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Caller, Params, Segment};
use crate::hub::{DeliveryDetail, Page};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::attempts::{self, Logged};
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::store::delivery_log;
use crate::time::Timestamp;

/// The query parameters of a list of deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct List {
    state: Option<DeliveryState>,
    event: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /v1/endpoints/{id}/deliveries`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    Params(List { state, event, from, to, limit, cursor }): Params<List>,
) -> Answer<Json<Page<Delivery>>> {
    let (states, events) = (state.into_iter().collect(), event.into_iter().collect());
    let (filter, paging) = (delivery_log::Filter { states, events, from, to }, Paging { limit, cursor });
    Ok(Json(app.hub.deliveries(&caller, id, filter, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// The query parameters of a list of attempts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Log {
    class: Option<String>,
    status: Option<u16>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `GET /v1/endpoints/{id}/attempts`
pub(in crate::http) async fn log(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    Params(Log { class, status, from, to, limit, cursor }): Params<Log>,
) -> Answer<Json<Page<Logged>>> {
    let (filter, paging) = (attempts::Filter { class, status, from, to }, Paging { limit, cursor });
    Ok(Json(app.hub.attempts(&caller, id, filter, paging.limit()?, paging.cursor.as_deref()).await?))
}

/// `GET /v1/deliveries/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<DeliveryId>,
) -> Answer<Json<DeliveryDetail>> {
    Ok(Json(app.hub.delivery(&caller, id).await?))
}

/// `POST /v1/deliveries/{id}/retry`
pub(in crate::http) async fn retry(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<DeliveryId>,
) -> Answer<Json<DeliveryDetail>> {
    Ok(Json(app.hub.retry_delivery(&caller, id).await?))
}
