//! The send scheduler: admission limits over all endpoints, the order of sends, and the next wake-up.
//!
//! [`Scheduler`] keeps leased deliveries in memory, in one [`EndpointQueue`] per endpoint. It does no I/O: each call
//! returns [`Work`], the sends to start and the leases to return, and the launcher carries it out. Nothing here needs
//! to survive the process, because the leases are in the database.
//!
//! **Admission.** Three global limits bound the process: deliveries in memory, bytes of their events, and concurrent
//! sends. Each queue also has a window, the deliveries that it may have in memory. What is not admitted waits in the
//! database, so a burst costs disk rather than memory. Each endpoint is guaranteed two deliveries and two sends beyond
//! the global limits. A crowd of dead endpoints can therefore not block a healthy one.
//!
//! **Life of a place.** A place is one delivery's share of the limits on memory. It is:
//!
//! 1. *reserved* ([`Scheduler::reserve`]) before the delivery is inserted, or acquired with a claim
//!    ([`Scheduler::add_claimed`]),
//! 2. *filled* after the commit, when the delivery, which was born leased, enters its queue ([`Scheduler::deliver`]),
//! 3. kept while the delivery waits, is sent ([`Scheduler::ended`] follows the send), and has its result recorded,
//! 4. *released* ([`Scheduler::release`]) once the result is recorded, or when the reservation's transaction has
//!    failed.
//!
//! Every fourth part of a window that becomes free requests a poll, if the database may have more deliveries for the
//! queue.
//!
//! **Order.** Within a queue: first attempts, then retries, then replays. A delivery is sent when all of the following
//! allow it:
//!
//! - the *concurrency limit*, which grows by one with each success and is halved by each failure;
//! - the *rate limit* of the endpoint or its channel, and one for endpoints whose answers are too long;
//! - a *hold* that the endpoint asked for (429, `Retry-After`);
//! - the *circuit breaker*, which opens after consecutive failures, and then lets one probe at a time through;
//! - the lease, which must outlast the send and the recording of its result. Otherwise the delivery is returned.
//!
//! A queue that cannot send for a while returns its waiting deliveries: another replica may be able to send them.
//!
//! **Next wake-up.** A queue that has to wait for a known time has one timer, and [`Scheduler::next_timer`] is the
//! earliest. A queue that waits for the global limit of sends is in `blocked`, and each end of a send advances these
//! queues in turn.

mod circuit_breaker;
pub(super) mod endpoint_queue;
mod rate_limit;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::endpoint_queue::{EndpointQueue, EndpointSignal, Held, NextSend};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::endpoints::Endpoint;
use crate::store::queue::{ClaimedDelivery, Room};
use crate::time::{SharedClock, Timestamp};

/// Limit of deliveries in memory, over all endpoints.
const HELD: usize = 4_096;
/// Limit of the bytes of their events, over all endpoints.
const HELD_BYTES: usize = 16 * 1024 * 1024;
/// Deliveries in memory, and sends under way, that each endpoint may have regardless of the global limits.
const GUARANTEED: usize = 2;

/// What the launcher must do after a call.
#[derive(Default)]
pub(in crate::delivery) struct Work {
    pub(in crate::delivery) sends: Vec<(Arc<Endpoint>, ClaimedDelivery)>,
    /// Leases to return to the database.
    pub(in crate::delivery) give_back: Vec<ClaimedDelivery>,
}

/// Decides which leased delivery is sent when.
pub(in crate::delivery) struct Scheduler {
    clock: SharedClock,
    /// Minimum remaining lease when a send starts.
    needed: Duration,
    /// A std mutex: locked for a few steps, never across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Limit of concurrent sends, over all endpoints.
    sends: usize,
    queues: HashMap<EndpointId, EndpointQueue>,
    under_way: usize,
    held: usize,
    bytes: usize,
    /// Queues that wait because the limit of concurrent sends is reached.
    blocked: VecDeque<EndpointId>,
    /// Queues that wait for a known time, at most one timer each.
    timers: BTreeSet<(Timestamp, EndpointId)>,
    /// The same timers by queue.
    timer_of: HashMap<EndpointId, Timestamp>,
}

impl Scheduler {
    /// `needed` is the longest time that a send and its recording take, `sends` the limit of concurrent sends.
    pub(in crate::delivery) fn new(clock: SharedClock, needed: Duration, sends: usize) -> Self {
        Self { clock, needed, state: Mutex::new(State { sends, ..State::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the configuration, and returns the waiting deliveries of endpoints that are switched off or paused.
    pub(in crate::delivery) fn configure(&self, endpoints: &[Arc<Endpoint>]) -> Work {
        let now = self.clock.now();
        let mut state = self.state();
        let known: HashSet<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        state.queues.retain(|id, queue| known.contains(id) || queue.held() > 0);
        let mut work = Work::default();
        for endpoint in endpoints {
            let queue = state.queue(endpoint);
            queue.configure(endpoint);
            if !queue.is_enabled() {
                work.give_back.extend(queue.drain());
            }
            state.advance(endpoint.id, now, self.needed, &mut work);
        }
        work
    }

    /// Reserves a place for a delivery that is about to be inserted, if there is one.
    pub(in crate::delivery) fn reserve(&self, endpoint: &Arc<Endpoint>, bytes: usize) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        let is_full = state.held >= HELD || state.bytes + bytes > HELD_BYTES;
        let queue = state.queue(endpoint);
        if is_full && queue.held() >= GUARANTEED {
            queue.note_backlog(true);
            return false;
        }
        let reserved = queue.reserve(now);
        if reserved {
            state.held += 1;
            state.bytes += bytes;
        }
        reserved
    }

    /// Reserves a place regardless of all limits.
    pub(in crate::delivery) fn reserve_out_of_turn(&self, endpoint: &Arc<Endpoint>, bytes: usize) {
        let mut state = self.state();
        state.held += 1;
        state.bytes += bytes;
        state.queue(endpoint).occupy(1);
    }

    /// Sends a delivery with a place from [`Self::reserve_out_of_turn`], regardless of its queue.
    pub(in crate::delivery) fn send_out_of_turn(&self, endpoint: &Arc<Endpoint>, claimed: ClaimedDelivery) -> Work {
        let mut state = self.state();
        state.under_way += 1;
        state.queue(endpoint).started_out_of_turn();
        Work { sends: vec![(Arc::clone(endpoint), claimed)], give_back: Vec::new() }
    }

    /// Returns how many deliveries may be claimed for each endpoint. Together they stay within the global limits.
    pub(in crate::delivery) fn rooms(&self, endpoints: &[&Arc<Endpoint>]) -> Vec<Room> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut left = if state.bytes >= HELD_BYTES { 0 } else { HELD.saturating_sub(state.held) };
        let room = |endpoint: &&Arc<Endpoint>| {
            let queue = state.queue(endpoint);
            let most = u32::try_from(left.max(GUARANTEED.saturating_sub(queue.held()))).unwrap_or(0);
            let room = queue.room(now);
            let room = Room { fresh: room.fresh.min(most), later: room.later.min(most) };
            left = left.saturating_sub(room.fresh as usize);
            room
        };
        endpoints.iter().map(room).collect()
    }

    /// Adds claimed deliveries to a queue. `more` means that the database may have more due deliveries for it.
    pub(in crate::delivery) fn add_claimed(
        &self,
        endpoint: &Arc<Endpoint>,
        claimed: Vec<ClaimedDelivery>,
        more: bool,
    ) -> Work {
        let now = self.clock.now();
        let mut state = self.state();
        state.held += claimed.len();
        state.bytes += claimed.iter().map(bytes_of).sum::<usize>();
        let queue = state.queue(endpoint);
        queue.occupy(claimed.len());
        queue.note_backlog(more);
        claimed.into_iter().for_each(|claimed| queue.enqueue(claimed));
        let mut work = Work::default();
        state.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// Adds a committed delivery to the queue in which its place was reserved.
    pub(in crate::delivery) fn deliver(&self, endpoint: &Arc<Endpoint>, claimed: ClaimedDelivery) -> Work {
        let now = self.clock.now();
        let mut state = self.state();
        state.queue(endpoint).enqueue(claimed);
        let mut work = Work::default();
        state.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// Notes the end of a send, and starts what could not start before.
    pub(in crate::delivery) fn ended(&self, endpoint: EndpointId, signal: EndpointSignal) -> Work {
        let now = self.clock.now();
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        let mut work = Work::default();
        if let Some(queue) = state.queues.get_mut(&endpoint) {
            let reopens_at = queue.ended(signal, now);
            if queue.is_shut(now) {
                work.give_back.extend(queue.drain());
            }
            if let Some(reopens_at) = reopens_at {
                state.set_timer(endpoint, reopens_at);
            }
        }
        state.advance(endpoint, now, self.needed, &mut work);
        // Each blocked queue once, in the order in which they were blocked.
        for _ in 0..state.blocked.len() {
            let Some(waiting) = state.blocked.pop_front() else { break };
            if state.under_way >= state.sends {
                state.blocked.push_front(waiting);
                break;
            }
            state.advance(waiting, now, self.needed, &mut work);
        }
        work
    }

    /// Releases a place: the result is recorded, or the delivery was never committed. Returns whether to poll for more.
    pub(in crate::delivery) fn release(&self, endpoint: EndpointId, bytes: usize) -> bool {
        let mut state = self.state();
        state.held = state.held.saturating_sub(1);
        state.bytes = state.bytes.saturating_sub(bytes);
        state.queues.get_mut(&endpoint).is_some_and(EndpointQueue::release)
    }

    /// Starts what was waiting for a timer. Also returns whether to poll: a queue that reopened has returned its
    /// deliveries to the database before.
    pub(in crate::delivery) fn due(&self) -> (Work, bool) {
        let now = self.clock.now();
        let mut state = self.state();
        let (mut work, mut wants_more) = (Work::default(), false);
        while let Some((at, endpoint)) = state.timers.first().copied() {
            if at > now {
                break;
            }
            state.timers.pop_first();
            state.timer_of.remove(&endpoint);
            state.advance(endpoint, now, self.needed, &mut work);
            wants_more |= state.queues.get(&endpoint).is_some_and(|queue| queue.wants_more(now));
        }
        (work, wants_more)
    }

    /// The earliest timer of all queues.
    pub(in crate::delivery) fn next_timer(&self) -> Option<Timestamp> {
        self.state().timers.first().map(|(at, _)| *at)
    }

    /// Returns the waiting deliveries (id and fence) whose lease ends before `before`, or after `beyond`: the clock was
    /// put back.
    pub(in crate::delivery) fn wrong_leases(&self, before: Timestamp, beyond: Timestamp) -> Vec<(DeliveryId, i64)> {
        let mut state = self.state();
        let waiting = state.queues.values_mut().flat_map(EndpointQueue::waiting);
        let is_wrong = |claimed: &&mut ClaimedDelivery| claimed.lease_until < before || claimed.lease_until > beyond;
        waiting.filter(is_wrong).map(|claimed| (claimed.id, claimed.fence)).collect()
    }

    /// Notes which of these leases were prolonged, and drops the deliveries of the others: another process has claimed
    /// them.
    pub(in crate::delivery) fn prolong(
        &self,
        asked: &[(DeliveryId, i64)],
        held: &HashSet<DeliveryId>,
        until: Timestamp,
    ) {
        let lost: HashSet<DeliveryId> = asked.iter().map(|(id, _)| *id).filter(|id| !held.contains(id)).collect();
        let mut state = self.state();
        let mut gone = Vec::new();
        for queue in state.queues.values_mut() {
            queue
                .waiting()
                .filter(|claimed| held.contains(&claimed.id))
                .for_each(|claimed| claimed.lease_until = until);
            if !lost.is_empty() {
                gone.extend(queue.remove_where(|claimed| lost.contains(&claimed.id)));
            }
        }
        drop(state);
        // The caller is about to poll, so the free room needs no wake-up.
        gone.iter().for_each(|claimed| _ = self.release(claimed.endpoint_id, bytes_of(claimed)));
    }

    /// Removes and returns all waiting deliveries, for graceful shutdown.
    pub(in crate::delivery) fn close(&self) -> Work {
        let mut state = self.state();
        Work { sends: Vec::new(), give_back: state.queues.values_mut().flat_map(EndpointQueue::drain).collect() }
    }

    /// Returns which of these endpoints are sent nothing at present, and why.
    pub(in crate::delivery) fn held(&self, endpoints: &[EndpointId]) -> HashMap<EndpointId, Held> {
        let now = self.clock.now();
        let state = self.state();
        let held = |id: &EndpointId| Some((*id, state.queues.get(id)?.held_by(now)?));
        endpoints.iter().filter_map(held).collect()
    }

    /// Returns the numbers of sends under way, and of deliveries in memory.
    pub(in crate::delivery) fn load(&self) -> (usize, usize) {
        let state = self.state();
        (state.under_way, state.held)
    }
}

/// Bytes that a delivery counts towards the global limit.
pub(in crate::delivery) fn bytes_of(claimed: &ClaimedDelivery) -> usize {
    claimed.event.subject.len()
}

impl State {
    fn queue(&mut self, endpoint: &Arc<Endpoint>) -> &mut EndpointQueue {
        self.queues.entry(endpoint.id).or_insert_with(|| EndpointQueue::new(Arc::clone(endpoint)))
    }

    /// Sets the queue's timer, in place of an earlier one.
    fn set_timer(&mut self, id: EndpointId, at: Timestamp) {
        if let Some(before) = self.timer_of.insert(id, at) {
            self.timers.remove(&(before, id));
        }
        self.timers.insert((at, id));
    }

    /// Starts the sends that this queue allows now.
    fn advance(&mut self, id: EndpointId, now: Timestamp, needed: Duration, work: &mut Work) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        loop {
            if self.under_way >= self.sends && queue.under_way() >= GUARANTEED {
                if !self.blocked.contains(&id) {
                    self.blocked.push_back(id);
                }
                return;
            }
            match queue.next(now) {
                NextSend::Now { endpoint, claimed } => {
                    if claimed.lease_until < now + needed {
                        // The lease might end before the send does.
                        let _unchanged = queue.ended(EndpointSignal::Unknown, now);
                        work.give_back.push(claimed);
                    } else {
                        self.under_way += 1;
                        work.sends.push((endpoint, claimed));
                    }
                }
                NextSend::At(at) => {
                    self.set_timer(id, at);
                    return;
                }
                NextSend::None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
