//! `/v1/endpoints/{id}/deliveries` and `/v1/deliveries`.

use axum::Json;
use axum::extract::State;

use super::{Answer, Paging};
use crate::http::App;
use crate::http::extract::{Caller, Params, Segment};
use crate::hub::{DeliveryDetail, Page};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::deliveries::Delivery;

/// `GET /v1/endpoints/{id}/deliveries`
pub(in crate::http) async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<EndpointId>,
    Params(paging): Params<Paging>,
) -> Answer<Json<Page<Delivery>>> {
    Ok(Json(app.hub.deliveries(&caller, id, paging.limit(), paging.cursor.as_deref()).await?))
}

/// `GET /v1/deliveries/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    Caller(caller): Caller,
    Segment(id): Segment<DeliveryId>,
) -> Answer<Json<DeliveryDetail>> {
    Ok(Json(app.hub.delivery(&caller, id).await?))
}
