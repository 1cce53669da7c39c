//! What endpoints were sent and how that went, and making one delivery anew.

use serde::Serialize;
use serde_json::json;

use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, Page, input, require};
use crate::identity::{Principal, Scope};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::attempts::{self, CLASSES, Logged};
use crate::store::deliveries::{self, Attempt, Delivery};
use crate::store::delivery_log;
use crate::store::endpoints::{self, Endpoint, EndpointState};
use crate::store::events::KINDS as EVENTS;
use crate::store::{Session, Signal};

/// What a target may answer.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// A delivery with its attempts.
#[derive(Debug, Serialize)]
pub struct DeliveryDetail {
    /// Where it stands.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// How each attempt went.
    pub attempt_log: Vec<Attempt>,
}

/// Why an endpoint can be sent nothing.
pub(super) fn why_off(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint.state {
        EndpointState::Active => None,
        EndpointState::Disabled => Some("the endpoint is disabled"),
        EndpointState::Deleted => Some("the endpoint was deleted"),
    }
}

/// Refuses to make anything anew for an endpoint that can be sent nothing: it would end at once.
pub(super) fn must_be_on(endpoint: &Endpoint) -> Result<(), HubError> {
    match why_off(endpoint) {
        None => Ok(()),
        Some(why) => Err(HubError::conflict(Code::EndpointOff, format!("{why}: nothing can be sent to it"))),
    }
}

/// An endpoint, also one that was taken away: its deliveries stay.
pub(super) async fn ever_known(session: &mut Session, id: EndpointId) -> Result<Endpoint, HubError> {
    endpoints::any_state(session, id).await?.ok_or(HubError::NotFound("endpoint"))
}

async fn detail(session: &mut Session, id: DeliveryId) -> Result<DeliveryDetail, HubError> {
    let delivery = deliveries::get(session, id).await?.ok_or(HubError::NotFound("delivery"))?;
    Ok(DeliveryDetail { delivery, attempt_log: deliveries::attempts(session, id).await? })
}

impl Hub {
    /// What was sent to an endpoint, newest first.
    ///
    /// # Errors
    /// When the caller may not read it, there is no such endpoint, or the filter or the cursor cannot be meant.
    pub async fn deliveries(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        filter: delivery_log::Filter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Delivery>, HubError> {
        require(caller, &[Scope::Auditor])?;
        filter.events.iter().try_for_each(|event| input::parameter("event", Some(event), &EVENTS))?;
        input::period_of_list(filter.from, filter.to)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        ever_known(session, endpoint).await?;
        let found = delivery_log::page(session, endpoint, &filter, before, limit).await?;
        Ok(Page { items: found.deliveries, next_cursor: found.next.map(|id| id.to_string()) })
    }

    /// Every attempt to send something to an endpoint, newest first.
    ///
    /// # Errors
    /// When the caller may not read it, there is no such endpoint, or the filter or the cursor cannot be meant.
    pub async fn attempts(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        filter: attempts::Filter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Logged>, HubError> {
        require(caller, &[Scope::Auditor])?;
        input::parameter("class", filter.class.as_ref(), &CLASSES)?;
        if filter.status.is_some_and(|status| !STATUSES.contains(&status)) {
            let detail = "status is an HTTP status: 100 to 599";
            return Err(HubError::invalid(Code::InvalidParameter, "", detail));
        }
        input::period_of_list(filter.from, filter.to)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        ever_known(session, endpoint).await?;
        let found = attempts::page(session, endpoint, &filter, before, limit).await?;
        Ok(Page { items: found.attempts, next_cursor: found.next.map(|place| place.to_string()) })
    }

    /// One delivery with its attempts.
    ///
    /// # Errors
    /// When the caller may not read it or there is none.
    pub async fn delivery(&self, caller: &Principal, id: DeliveryId) -> Result<DeliveryDetail, HubError> {
        require(caller, &[Scope::Auditor])?;
        detail(&mut self.store.read().await?, id).await
    }

    /// Makes a delivery anew that has ended: it is sent once more, and tried as often as a new one.
    ///
    /// # Errors
    /// When the caller may not, there is none, it has not ended, or its endpoint can be sent nothing.
    pub async fn retry_delivery(&self, caller: &Principal, id: DeliveryId) -> Result<DeliveryDetail, HubError> {
        require(caller, &[Scope::Admin])?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let session = tx.session();
                    let delivery = deliveries::get(session, id).await?.ok_or(HubError::NotFound("delivery"))?;
                    let endpoint = ever_known(session, delivery.endpoint_id).await?;
                    must_be_on(&endpoint)?;
                    if deliveries::reopen(session, &[id], now).await? == 0 {
                        let detail = "this delivery has not ended: it waits, or is being sent just now";
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
