//! The outbox: an event and its deliveries are written in the transaction of the change, and sent after its commit.
//!
//! Per delivery: reserve a place in the scheduler, insert the row (leased with a reservation, `pending` without),
//! commit, send. A reservation that is dropped unused, because the transaction failed, releases its place.

use std::sync::Arc;

use super::launcher::Launcher;
use crate::approval::Detail;
use crate::delivery::scheduler::bytes_of;
use crate::ids::{DeliveryId, EndpointId, EventId, RequestId};
use crate::store::deliveries::{self, NewDelivery};
use crate::store::endpoints::Endpoint;
use crate::store::events::{self, Event, PING};
use crate::store::queue::ClaimedDelivery;
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

/// An event to publish.
pub struct NewEvent<'a> {
    /// For example `request.created`.
    pub kind: &'a str,
    /// None when the event is about an endpoint.
    pub request_id: Option<RequestId>,
    /// The request or endpoint as the API shows it, as JSON text.
    pub subject: String,
    /// Upper limit of the detail that may be sent. An endpoint can only lower it.
    pub detail: Detail,
    pub at: Timestamp,
}

/// Writes an event, with a delivery for each active endpoint that wants it and for each of the `further` addresses of
/// active endpoints.
///
/// # Errors
/// When the database fails.
pub async fn publish(
    tx: &mut Tx,
    launcher: &Arc<Launcher>,
    new: NewEvent<'_>,
    further: &[(EndpointId, String)],
    wants: impl Fn(&Endpoint) -> bool,
) -> Result<(), StoreError> {
    let endpoints = tx.endpoints().await?;
    let on = |id: &EndpointId| endpoints.iter().find(|endpoint| endpoint.id == *id && endpoint.is_active());
    let own = endpoints.iter().filter(|endpoint| endpoint.is_active() && wants(endpoint));
    let further = further.iter().filter_map(|(id, address)| Some((on(id)?, address.as_str())));
    let listeners: Vec<(&Arc<Endpoint>, &str)> = own.map(|endpoint| (endpoint, "")).chain(further).collect();
    let event = new_event(tx, new, listeners.len());
    for (endpoint, address) in listeners {
        let reservation = Reservation::acquire(launcher, endpoint, event.subject.len());
        insert_delivery(tx, launcher, &event, reservation.ok_or(endpoint), address);
    }
    Ok(())
}

/// Sends a `ping` to an endpoint, regardless of its event filter.
pub(super) fn send_ping(tx: &mut Tx, launcher: &Arc<Launcher>, endpoint: &Arc<Endpoint>, now: Timestamp) {
    let event = new_ping(tx, now);
    let reservation = Reservation::acquire(launcher, endpoint, event.subject.len());
    insert_delivery(tx, launcher, &event, reservation.ok_or(endpoint), "");
}

/// Sends a `ping` to an endpoint that is switched off, to find out whether it works again.
pub(super) fn send_probe(tx: &mut Tx, launcher: &Arc<Launcher>, endpoint: Arc<Endpoint>, now: Timestamp) {
    let event = new_ping(tx, now);
    let reservation = Reservation::out_of_turn(launcher, &endpoint, event.subject.len());
    insert_delivery(tx, launcher, &event, Ok(reservation), "");
}

fn new_ping(tx: &mut Tx, now: Timestamp) -> Arc<Event> {
    new_event(tx, NewEvent { kind: PING, request_id: None, subject: "{}".to_owned(), detail: Detail::Full, at: now }, 1)
}

fn new_event(tx: &mut Tx, new: NewEvent<'_>, fanout: usize) -> Arc<Event> {
    let event = Arc::new(Event {
        id: EventId::mint(new.at),
        kind: new.kind.to_owned(),
        request_id: new.request_id,
        at: new.at,
        subject: new.subject,
        detail: new.detail,
        fanout: u32::try_from(fanout).unwrap_or(u32::MAX),
        trace: tx.trace().cloned(),
    });
    events::insert(tx.session(), &event);
    event
}

/// Inserts a delivery: leased, and sent after the commit, with a reservation; `pending` without one.
fn insert_delivery(
    tx: &mut Tx,
    launcher: &Launcher,
    event: &Arc<Event>,
    reservation: Result<Reservation, &Arc<Endpoint>>,
    address: &str,
) {
    let endpoint_id = match &reservation {
        Ok(reservation) => reservation.endpoint.id,
        Err(endpoint) => endpoint.id,
    };
    let lease_until = launcher.context.clock.now() + launcher.context.lease();
    let new = NewDelivery {
        id: DeliveryId::mint(event.at),
        event_id: event.id,
        endpoint_id,
        request_id: event.request_id,
        created_at: event.at,
        lease_until: reservation.is_ok().then_some(lease_until),
        address: address.to_owned(),
    };
    deliveries::insert(tx.session(), &new);
    let Ok(reservation) = reservation else { return };
    let claimed = ClaimedDelivery {
        address: new.address,
        ..ClaimedDelivery::fresh(new.id, endpoint_id, Arc::clone(event), new.created_at, lease_until)
    };
    tx.after_commit(move || reservation.send(claimed));
}

/// A place in the scheduler for a delivery that is not committed yet. Dropping it unused releases the place.
struct Reservation {
    launcher: Arc<Launcher>,
    endpoint: Arc<Endpoint>,
    bytes: usize,
    is_out_of_turn: bool,
    is_used: bool,
}

impl Reservation {
    fn acquire(launcher: &Arc<Launcher>, endpoint: &Arc<Endpoint>, bytes: usize) -> Option<Self> {
        // Checked here too: the scheduler may not know yet that the endpoint was paused.
        let is_open = endpoint.paused_at.is_none() && !launcher.is_stopping();
        let is_reserved = is_open && launcher.scheduler.reserve(endpoint, bytes);
        is_reserved.then(|| Self {
            launcher: Arc::clone(launcher),
            endpoint: Arc::clone(endpoint),
            bytes,
            is_out_of_turn: false,
            is_used: false,
        })
    }

    /// Reserves a place for a delivery that is sent although the endpoint is switched off.
    fn out_of_turn(launcher: &Arc<Launcher>, endpoint: &Arc<Endpoint>, bytes: usize) -> Self {
        launcher.scheduler.reserve_out_of_turn(endpoint, bytes);
        Self {
            launcher: Arc::clone(launcher),
            endpoint: Arc::clone(endpoint),
            bytes,
            is_out_of_turn: true,
            is_used: false,
        }
    }

    fn send(mut self, claimed: ClaimedDelivery) {
        self.is_used = true;
        debug_assert!(bytes_of(&claimed) == self.bytes);
        let scheduler = &self.launcher.scheduler;
        let work = if self.is_out_of_turn {
            scheduler.send_out_of_turn(&self.endpoint, claimed)
        } else {
            scheduler.deliver(&self.endpoint, claimed)
        };
        self.launcher.carry_out(work);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_used {
            self.launcher.release(self.endpoint.id, self.bytes);
        }
    }
}
