//! The delivery log of endpoints, and retrying one delivery.

use serde::Serialize;
use serde_json::json;

use super::view::EndpointStatus;
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, Page, input, require};
use crate::identity::{Principal, Right};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::attempts::{self, CLASSES, Logged};
use crate::store::deliveries::{self, Attempt, Delivery};
use crate::store::delivery_log;
use crate::store::endpoints::{self, Endpoint, EndpointState};
use crate::store::events::KINDS as EVENTS;
use crate::store::{Session, Signal};

/// Valid HTTP statuses.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// A delivery with its attempts.
#[derive(Debug, Serialize)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: Delivery,
    pub attempt_log: Vec<Attempt>,
}

/// Why nothing can be sent to an endpoint; `None` if it is active.
pub(super) fn why_disabled(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint.state {
        EndpointState::Active => None,
        EndpointState::Disabled => Some("the endpoint is disabled"),
        EndpointState::Deleted => Some("the endpoint was deleted"),
    }
}

/// Rejects retries and replays for an endpoint that is not active: their deliveries would be discarded at once.
pub(super) fn require_enabled(endpoint: &Endpoint) -> Result<(), HubError> {
    match why_disabled(endpoint) {
        None => Ok(()),
        Some(why) => Err(HubError::conflict(Code::EndpointOff, format!("{why}: nothing can be sent to it"))),
    }
}

/// Returns an endpoint, also a deleted one: its deliveries are kept.
pub(super) async fn endpoint_in_any_state(session: &mut Session, id: EndpointId) -> Result<Endpoint, HubError> {
    endpoints::any_state(session, id).await?.ok_or(HubError::NotFound("endpoint"))
}

async fn detail(session: &mut Session, id: DeliveryId) -> Result<DeliveryDetail, HubError> {
    let delivery = deliveries::get(session, id).await?.ok_or(HubError::NotFound("delivery"))?;
    Ok(DeliveryDetail { delivery, attempt_log: deliveries::attempts(session, id).await? })
}

impl Hub {
    /// Lists the deliveries of an endpoint, newest first.
    ///
    /// # Errors
    /// When the caller may not read it, there is no such endpoint, or the filter or the cursor is invalid.
    pub async fn deliveries(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        filter: delivery_log::Filter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Delivery>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        filter.events.iter().try_for_each(|event| input::parameter("event", Some(event), &EVENTS))?;
        input::period_of_list(filter.from, filter.to)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        endpoint_in_any_state(session, endpoint).await?;
        let found = delivery_log::page(session, endpoint, &filter, before, limit).await?;
        Ok(Page { items: found.deliveries, next_cursor: found.next.map(|id| id.to_string()) })
    }

    /// Returns an endpoint with its deliveries, newest first.
    ///
    /// # Errors
    /// When the caller may not read it, there is none, or the cursor is invalid.
    pub async fn endpoint_with_deliveries(
        &self,
        caller: &Principal,
        id: EndpointId,
        filter: &delivery_log::Filter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<(EndpointStatus, Page<Delivery>), HubError> {
        require(caller, Right::ReadConfiguration)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        let endpoint = endpoints::get(session, id).await?;
        let status =
            self.with_status(session, endpoint.as_slice()).await?.pop().ok_or(HubError::NotFound("endpoint"))?;
        let found = delivery_log::page(session, id, filter, before, limit).await?;
        Ok((status, Page { items: found.deliveries, next_cursor: found.next.map(|id| id.to_string()) }))
    }

    /// Lists the attempts of all deliveries of an endpoint, newest first.
    ///
    /// # Errors
    /// When the caller may not read it, there is no such endpoint, or the filter or the cursor is invalid.
    pub async fn attempts(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        filter: attempts::Filter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Logged>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        input::parameter("class", filter.class.as_ref(), &CLASSES)?;
        if filter.status.is_some_and(|status| !STATUSES.contains(&status)) {
            let detail = "status must be an HTTP status, 100 to 599";
            return Err(HubError::invalid(Code::InvalidParameter, "", detail));
        }
        input::period_of_list(filter.from, filter.to)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        endpoint_in_any_state(session, endpoint).await?;
        let found = attempts::page(session, endpoint, &filter, before, limit).await?;
        Ok(Page { items: found.attempts, next_cursor: found.next.map(|place| place.to_string()) })
    }

    /// Returns one delivery with its attempts.
    ///
    /// # Errors
    /// When the caller may not read it or there is none.
    pub async fn delivery(&self, caller: &Principal, id: DeliveryId) -> Result<DeliveryDetail, HubError> {
        require(caller, Right::ReadConfiguration)?;
        detail(&mut self.store.read().await?, id).await
    }

    /// Reopens an ended delivery: it is sent again, with the full retry schedule.
    ///
    /// # Errors
    /// When the caller may not, there is none, it has not ended, or its endpoint is not active.
    pub async fn retry_delivery(&self, caller: &Principal, id: DeliveryId) -> Result<DeliveryDetail, HubError> {
        require(caller, Right::Configure)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let session = tx.session();
                    let delivery = deliveries::get(session, id).await?.ok_or(HubError::NotFound("delivery"))?;
                    let endpoint = endpoint_in_any_state(session, delivery.endpoint_id).await?;
                    require_enabled(&endpoint)?;
                    if deliveries::reopen(session, &[id], now).await? == 0 {
                        let detail = "this delivery has not ended: it is pending or is being sent now";
                        return Err(HubError::conflict(Code::NotEnded, detail));
                    }
                    let details = json!({"delivery": id, "endpoint": endpoint.id, "name": endpoint.name});
                    let entry = Entry::new(now, "delivery.retried", actor);
                    tx.record(&Entry { request: delivery.request_id, details, ..entry })?;
                    tx.signal(Signal::Deliveries);
                    detail(tx.session(), id).await
                })
            })
            .await
    }
}
