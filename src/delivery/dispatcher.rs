//! Finds what is due, sends it, and writes down what came of it.
//!
//! The database is the queue. The dispatcher leases a few deliveries per endpoint, never more than it can send at once, so that a
//! slow endpoint holds up neither others nor a lease. What a process has just committed wakes it at once; what another process
//! left (a retry, a lease that ran out) it finds by looking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::attempt;
use super::compose::compose;
use super::egress::Egress;
use super::outcome::{Class, Outcome};
use super::retry::{RetrySchedule, next_delay};
use crate::approval::Status;
use crate::audit::{Actor, Entry};
use crate::channels::Channels;
use crate::ids::EndpointId;
use crate::links::KeyRing;
use crate::random;
use crate::store::deliveries::{self, Attempt, DeliveryState};
use crate::store::endpoints::{self, Endpoint, EndpointState};
use crate::store::events::ASKING;
use crate::store::queue::{self, Claimed, Next};
use crate::store::{Signal, Store, StoreError, Tx};
use crate::time::{SharedClock, Timestamp};

/// Sends under way at once, over all endpoints.
const CONCURRENCY: usize = 64;
/// Sends under way at once to one endpoint.
const PER_ENDPOINT: usize = 8;
/// How often the dispatcher looks for itself.
const LOOK: Duration = Duration::from_secs(1);
/// A lease outlives the longest attempt by this much: the time to record it.
const LEASE_SLACK: Duration = Duration::from_secs(10);

/// What a dispatcher is made of.
pub struct DispatcherParts {
    /// The queue.
    pub store: Arc<Store>,
    /// The time.
    pub clock: SharedClock,
    /// Renders.
    pub channels: Arc<Channels>,
    /// Signs links.
    pub keys: Arc<KeyRing>,
    /// Posts.
    pub egress: Egress,
    /// When to try again.
    pub schedule: RetrySchedule,
    /// What links begin with.
    pub public_url: String,
}

/// The dispatcher.
pub struct Dispatcher {
    parts: DispatcherParts,
    /// Sends under way by endpoint. A std mutex: held for a look-up, never across an await.
    busy: Mutex<HashMap<EndpointId, usize>>,
    sends: TaskTracker,
}

impl Dispatcher {
    /// A dispatcher that does nothing yet.
    pub fn new(parts: DispatcherParts) -> Arc<Self> {
        Arc::new(Self { parts, busy: Mutex::default(), sends: TaskTracker::new() })
    }

    /// Sends until told to stop, then waits for the sends under way: each ends within its deadline.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        self.take_over().await;
        while !stop.is_cancelled() {
            let wake = self.round().await.unwrap_or_else(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for deliveries");
                self.parts.clock.now() + LOOK
            });
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.parts.clock.sleep_until(wake) => {}
                () = self.parts.store.signals().deliveries() => {}
            }
        }
        self.sends.close();
        self.sends.wait().await;
    }

    /// Takes over at once what a predecessor was sending when it died, where there can be no other owner; elsewhere the leases
    /// run out.
    async fn take_over(&self) {
        if !self.parts.store.is_exclusive() {
            return;
        }
        let now = self.parts.clock.now();
        let released = self
            .parts
            .store
            .write::<_, _, StoreError>(move |tx| Box::pin(async move { queue::release_all(tx.session(), now).await }))
            .await;
        match released {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "taking over deliveries that were being sent when the hub ended"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "their leases must run out"),
        }
    }

    /// Starts what is due and there is room for; answers when to look again.
    async fn round(self: &Arc<Self>) -> Result<Timestamp, StoreError> {
        let now = self.parts.clock.now();
        let mut session = self.parts.store.read().await?;
        let next = queue::next_moment(&mut session).await?;
        let look = now + LOOK;
        if next.is_none_or(|next| next > now) {
            return Ok(next.map_or(look, |next| next.min(look)));
        }
        let due = queue::due_endpoints(&mut session, now).await?;
        drop(session);
        let room = self.room(&due);
        let lease = self.parts.egress.deadline() + LEASE_SLACK;
        let claimed = self
            .parts
            .store
            .write::<_, _, StoreError>(move |tx| Box::pin(async move { claim(tx, &room, now, lease).await }))
            .await?;
        for (endpoint, deliveries) in claimed {
            let endpoint = Arc::new(endpoint);
            for delivery in deliveries {
                self.start(Arc::clone(&endpoint), delivery);
            }
        }
        Ok(look)
    }

    /// How many more each due endpoint may be sent.
    fn room(&self, due: &[EndpointId]) -> Vec<(EndpointId, u32)> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = CONCURRENCY.saturating_sub(busy.values().sum());
        let mut room = Vec::new();
        for id in due {
            let free = PER_ENDPOINT.saturating_sub(busy.get(id).copied().unwrap_or(0)).min(left);
            left -= free;
            if free > 0 {
                room.push((*id, u32::try_from(free).unwrap_or(1)));
            }
        }
        room
    }

    fn start(self: &Arc<Self>, endpoint: Arc<Endpoint>, claimed: Claimed) {
        let place = Place::take(Arc::clone(self), endpoint.id);
        self.sends.spawn(async move { place.dispatcher.send(&endpoint, claimed).await });
    }

    async fn send(&self, endpoint: &Endpoint, claimed: Claimed) {
        let (attempt, next) = match self.unwanted(endpoint, &claimed) {
            Some((state, reason)) => (None, Next::End { state, reason: Some(reason) }),
            None => {
                let (attempt, next) = self.try_once(endpoint, &claimed).await;
                (Some(attempt), next)
            }
        };
        self.settle(endpoint, claimed, attempt, next).await;
    }

    /// Why this delivery is not to be sent any more.
    fn unwanted(&self, endpoint: &Endpoint, claimed: &Claimed) -> Option<(DeliveryState, String)> {
        if endpoint.state != EndpointState::Active {
            return Some((DeliveryState::Discarded, "the endpoint is switched off".to_owned()));
        }
        // Everybody is told once. But whoever could not be reached is not asked late for what is decided by now: the
        // outcome follows in a message of its own.
        let asks = ASKING.contains(&claimed.event_type.as_str());
        match claimed.request_status {
            Status::Pending => None,
            _ if !asks || claimed.attempts == claimed.lost => None,
            Status::Expired => Some((DeliveryState::Expired, "the request expired meanwhile".to_owned())),
            decided => Some((DeliveryState::Superseded, format!("the request was {} meanwhile", decided.as_str()))),
        }
    }

    async fn try_once(&self, endpoint: &Endpoint, claimed: &Claimed) -> (Attempt, Next) {
        let parts = &self.parts;
        let started_at = parts.clock.now();
        let clock = std::time::Instant::now();
        let outcome = match compose(claimed, endpoint, &parts.channels, &parts.keys, &parts.public_url) {
            Ok(body) => attempt(&parts.egress, endpoint, claimed, body, started_at).await,
            Err(error) => Outcome::ours(error.to_string()),
        };
        let number = claimed.attempts + 1;
        let duration = clock.elapsed();
        tracing::info!(
            delivery = %claimed.id, event = %claimed.event_type, endpoint = %endpoint.name, attempt = number,
            class = outcome.class.as_str(), status = outcome.status, error = outcome.error,
            duration_ms = duration.as_millis(), "attempt"
        );
        let next = self.next(&outcome, number);
        let attempt = Attempt {
            number,
            started_at,
            duration_us: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
            class: outcome.class.as_str().to_owned(),
            status: outcome.status,
            error: outcome.error,
            answer: outcome.answer,
        };
        (attempt, next)
    }

    fn next(&self, outcome: &Outcome, made: u32) -> Next {
        if let Some(state) = outcome.end {
            return Next::End { state, reason: outcome.control.and(outcome.error.clone()) };
        }
        let failed = |reason: Option<String>| Next::End { state: DeliveryState::Failed, reason };
        if !outcome.class.is_retried() {
            return failed(outcome.error.clone());
        }
        match next_delay(&self.parts.schedule, made, outcome.retry_after, random::fraction()) {
            Some(delay) => Next::Retry(self.parts.clock.now() + delay),
            None => failed(Some(format!("given up after {made} attempts"))),
        }
    }

    /// Writes down what came of it. Should the database be away, the lease runs out and the delivery is made again.
    async fn settle(&self, endpoint: &Endpoint, claimed: Claimed, attempt: Option<Attempt>, next: Next) {
        let now = self.parts.clock.now();
        let gone = attempt.as_ref().is_some_and(|attempt| attempt.class == Class::Gone.as_str());
        let (id, endpoint_id) = (claimed.id, endpoint.id);
        let settled = self
            .parts
            .store
            .write::<_, _, StoreError>(move |tx| {
                Box::pin(async move {
                    let held = queue::settle(tx.session(), &claimed, attempt.as_ref(), &next, now).await?;
                    if held && gone {
                        disable(tx, endpoint_id, now).await?;
                    }
                    tx.signal(Signal::Deliveries);
                    Ok(held)
                })
            })
            .await;
        match settled {
            Ok(true) => {}
            Ok(false) => tracing::warn!(delivery = %id, "the lease ran out before the attempt was recorded"),
            Err(error) => {
                tracing::warn!(delivery = %id, error = &error as &dyn std::error::Error, "cannot record an attempt");
            }
        }
    }
}

/// One send's place among those under way, given back however the send ends.
struct Place {
    dispatcher: Arc<Dispatcher>,
    endpoint: EndpointId,
}

impl Place {
    fn take(dispatcher: Arc<Dispatcher>, endpoint: EndpointId) -> Self {
        *dispatcher.busy.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint).or_default() += 1;
        Self { dispatcher, endpoint }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = self.dispatcher.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.endpoint) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                busy.remove(&self.endpoint);
            }
        }
        drop(busy);
        // There is room again.
        self.dispatcher.parts.store.signals().wake_deliveries();
    }
}

/// Leases what there is room for, after giving back what others' leases left over.
async fn claim(
    tx: &mut Tx,
    room: &[(EndpointId, u32)],
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<(Endpoint, Vec<Claimed>)>, StoreError> {
    let session = tx.session();
    queue::release_overrun(session, now).await?;
    let mut claimed = Vec::new();
    for (id, free) in room {
        let Some(endpoint) = endpoints::any_state(session, *id).await? else { continue };
        claimed.push((endpoint, queue::claim(session, *id, now, lease, *free).await?));
    }
    Ok(claimed)
}

/// Switches off an endpoint that said it is gone; what waits for it is discarded.
async fn disable(tx: &mut Tx, id: EndpointId, now: Timestamp) -> Result<(), StoreError> {
    let Some(endpoint) = endpoints::get(tx.session(), id).await? else { return Ok(()) };
    let reason = "it answered 410: gone for good".to_owned();
    let off = Endpoint { state: EndpointState::Disabled, disabled_reason: Some(reason.clone()), ..endpoint };
    endpoints::put(tx.session(), &off, now).await?;
    deliveries::discard_waiting(tx.session(), id, "the endpoint was switched off: it answered 410", now).await?;
    let details = serde_json::json!({"endpoint": id, "name": off.name, "reason": reason});
    tx.record(&Entry { details, ..Entry::new(now, "endpoint.disabled", Actor::Hub) })
}
