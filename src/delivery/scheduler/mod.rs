//! The send scheduler: admission limits over all endpoints, the order of sends, and the next wake-up.
//!
//! It holds leased deliveries in memory, in one queue an endpoint. A queue has a concurrency limit, a rate limit and a circuit
//! breaker; over all queues, deliveries, bytes and sends under way are bounded, and every endpoint has a small share of its own, so
//! that a crowd of dead targets takes nothing from a healthy one. The scheduler does no I/O: each call answers with [`Work`], the sends
//! to start and the leases to return, and the launcher does it. What is lost with the process is found again by its leases.

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

/// Deliveries held at once, over all endpoints.
const HELD: usize = 4_096;
/// Bytes of what they tell, over all endpoints.
const HELD_BYTES: usize = 16 * 1024 * 1024;
/// What any endpoint may hold and have under way whatever the others do: a crowd of dead ones takes nothing from a healthy one.
const GUARANTEED: usize = 2;

/// What is to be done.
#[derive(Default)]
pub(in crate::delivery) struct Work {
    /// To be sent.
    pub(in crate::delivery) sends: Vec<(Arc<Endpoint>, ClaimedDelivery)>,
    /// To be given back to the database.
    pub(in crate::delivery) give_back: Vec<ClaimedDelivery>,
}

/// Decides what is sent, and when.
pub(in crate::delivery) struct Scheduler {
    clock: SharedClock,
    /// Of a lease, what must be left when a send sets out.
    needed: Duration,
    /// A std mutex: held for a few steps, never across an await.
    queues: Mutex<Queues>,
}

#[derive(Default)]
struct Queues {
    /// Sends under way at once, over all endpoints.
    sends: usize,
    queues: HashMap<EndpointId, EndpointQueue>,
    under_way: usize,
    held: usize,
    bytes: usize,
    /// Queues that wait for a send of another to end.
    crowded: VecDeque<EndpointId>,
    /// Queues that wait for a moment, one moment each.
    timers: BTreeSet<(Timestamp, EndpointId)>,
    /// The same by queue.
    timer_of: HashMap<EndpointId, Timestamp>,
}

impl Scheduler {
    /// `needed` is the longest that a send and its record take, `sends` how many may be under way at once.
    pub(in crate::delivery) fn new(clock: SharedClock, needed: Duration, sends: usize) -> Self {
        Self { clock, needed, queues: Mutex::new(Queues { sends, ..Queues::default() }) }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is configured; what waits for endpoints that are closed now goes back.
    pub(in crate::delivery) fn configure(&self, endpoints: &[Arc<Endpoint>]) -> Work {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        let known: HashSet<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        scheduler.queues.retain(|id, queue| known.contains(id) || queue.held() > 0);
        let mut work = Work::default();
        for endpoint in endpoints {
            let queue = scheduler.queue(endpoint);
            queue.configure(endpoint);
            if !queue.is_open() {
                work.give_back.extend(queue.drain());
            }
            scheduler.advance(endpoint.id, now, self.needed, &mut work);
        }
        work
    }

    /// Takes a place for a delivery that is about to be made, so that it can be sent as soon as it is committed.
    pub(in crate::delivery) fn reserve(&self, endpoint: &Arc<Endpoint>, bytes: usize) -> bool {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        let crowded = scheduler.held >= HELD || scheduler.bytes + bytes > HELD_BYTES;
        let queue = scheduler.queue(endpoint);
        if crowded && queue.held() >= GUARANTEED {
            queue.note_backlog(true);
            return false;
        }
        let reserved = queue.reserve(now);
        if reserved {
            scheduler.held += 1;
            scheduler.bytes += bytes;
        }
        reserved
    }

    /// Takes a place whether there is one or not.
    pub(in crate::delivery) fn reserve_out_of_turn(&self, endpoint: &Arc<Endpoint>, bytes: usize) {
        let mut scheduler = self.queues();
        scheduler.held += 1;
        scheduler.bytes += bytes;
        scheduler.queue(endpoint).hold(1);
    }

    /// Sends one whose place was taken so, whatever the queue says.
    pub(in crate::delivery) fn set_off(&self, endpoint: &Arc<Endpoint>, claimed: ClaimedDelivery) -> Work {
        let mut scheduler = self.queues();
        scheduler.under_way += 1;
        scheduler.queue(endpoint).set_off();
        Work { sends: vec![(Arc::clone(endpoint), claimed)], give_back: Vec::new() }
    }

    /// How much of each endpoint's queue may be taken out of the database. What is promised to the first is not there for the next.
    pub(in crate::delivery) fn rooms(&self, endpoints: &[&Arc<Endpoint>]) -> Vec<Room> {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        let mut left = if scheduler.bytes >= HELD_BYTES { 0 } else { HELD.saturating_sub(scheduler.held) };
        let room = |endpoint: &&Arc<Endpoint>| {
            let queue = scheduler.queue(endpoint);
            let most = u32::try_from(left.max(GUARANTEED.saturating_sub(queue.held()))).unwrap_or(0);
            let room = queue.room(now);
            let room = Room { fresh: room.fresh.min(most), later: room.later.min(most) };
            left = left.saturating_sub(room.fresh as usize);
            room
        };
        endpoints.iter().map(room).collect()
    }

    /// Takes in what was claimed; `more` when the queue may hold more that is due.
    pub(in crate::delivery) fn take(
        &self,
        endpoint: &Arc<Endpoint>,
        claimed: Vec<ClaimedDelivery>,
        more: bool,
    ) -> Work {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        scheduler.held += claimed.len();
        scheduler.bytes += claimed.iter().map(bytes_of).sum::<usize>();
        let queue = scheduler.queue(endpoint);
        queue.hold(claimed.len());
        queue.note_backlog(more);
        claimed.into_iter().for_each(|claimed| queue.enqueue(claimed));
        let mut work = Work::default();
        scheduler.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// Takes in one whose place was reserved, now that it is committed.
    pub(in crate::delivery) fn deliver(&self, endpoint: &Arc<Endpoint>, claimed: ClaimedDelivery) -> Work {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        scheduler.queue(endpoint).enqueue(claimed);
        let mut work = Work::default();
        scheduler.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// A send has ended.
    pub(in crate::delivery) fn ended(&self, endpoint: EndpointId, signal: EndpointSignal) -> Work {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        scheduler.under_way = scheduler.under_way.saturating_sub(1);
        let mut work = Work::default();
        if let Some(queue) = scheduler.queues.get_mut(&endpoint) {
            let look = queue.ended(signal, now);
            if queue.is_shut(now) {
                work.give_back.extend(queue.drain());
            }
            if let Some(moment) = look {
                scheduler.look_at(endpoint, moment);
            }
        }
        scheduler.advance(endpoint, now, self.needed, &mut work);
        // One each, so that nobody who waits is overtaken.
        for _ in 0..scheduler.crowded.len() {
            let Some(waiting) = scheduler.crowded.pop_front() else { break };
            if scheduler.under_way >= scheduler.sends {
                scheduler.crowded.push_front(waiting);
                break;
            }
            scheduler.advance(waiting, now, self.needed, &mut work);
        }
        work
    }

    /// A place is free again, because the delivery is written down or was never made. Answers whether to look for more.
    pub(in crate::delivery) fn release(&self, endpoint: EndpointId, bytes: usize) -> bool {
        let mut scheduler = self.queues();
        scheduler.held = scheduler.held.saturating_sub(1);
        scheduler.bytes = scheduler.bytes.saturating_sub(bytes);
        scheduler.queues.get_mut(&endpoint).is_some_and(EndpointQueue::release)
    }

    /// Sets off what had to wait until now. Answers also whether to look into the database for more: a queue that was shut is open
    /// again, and what was given back waits there.
    pub(in crate::delivery) fn due(&self) -> (Work, bool) {
        let now = self.clock.now();
        let mut scheduler = self.queues();
        let (mut work, mut look) = (Work::default(), false);
        while let Some((moment, endpoint)) = scheduler.timers.first().copied() {
            if moment > now {
                break;
            }
            scheduler.timers.pop_first();
            scheduler.timer_of.remove(&endpoint);
            scheduler.advance(endpoint, now, self.needed, &mut work);
            look |= scheduler.queues.get(&endpoint).is_some_and(|queue| queue.wants_more(now));
        }
        (work, look)
    }

    /// When something that had to wait is due.
    pub(in crate::delivery) fn next_timer(&self) -> Option<Timestamp> {
        self.queues().timers.first().map(|(moment, _)| *moment)
    }

    /// What waits here with a lease that is too short for it, or longer than a lease can be: the clock was put back.
    pub(in crate::delivery) fn wrong_leases(&self, before: Timestamp, beyond: Timestamp) -> Vec<(DeliveryId, i64)> {
        let mut scheduler = self.queues();
        let waiting = scheduler.queues.values_mut().flat_map(EndpointQueue::waiting);
        let is_wrong = |claimed: &&mut ClaimedDelivery| claimed.lease_until < before || claimed.lease_until > beyond;
        waiting.filter(is_wrong).map(|claimed| (claimed.id, claimed.fence)).collect()
    }

    /// Notes which of these leases were prolonged. The others belong to somebody else by now.
    pub(in crate::delivery) fn prolong(
        &self,
        asked: &[(DeliveryId, i64)],
        held: &HashSet<DeliveryId>,
        until: Timestamp,
    ) {
        let lost: HashSet<DeliveryId> = asked.iter().map(|(id, _)| *id).filter(|id| !held.contains(id)).collect();
        let mut scheduler = self.queues();
        let mut gone = Vec::new();
        for queue in scheduler.queues.values_mut() {
            queue
                .waiting()
                .filter(|claimed| held.contains(&claimed.id))
                .for_each(|claimed| claimed.lease_until = until);
            if !lost.is_empty() {
                gone.extend(queue.take_out(|claimed| lost.contains(&claimed.id)));
            }
        }
        drop(scheduler);
        // The next look is now: nobody has to be woken for the room.
        gone.iter().for_each(|claimed| _ = self.release(claimed.endpoint_id, bytes_of(claimed)));
    }

    /// Takes out all that waits: the hub goes down.
    pub(in crate::delivery) fn close(&self) -> Work {
        let mut scheduler = self.queues();
        Work { sends: Vec::new(), give_back: scheduler.queues.values_mut().flat_map(EndpointQueue::drain).collect() }
    }

    /// What keeps everything from these endpoints now, for those of which it is so.
    pub(in crate::delivery) fn held(&self, endpoints: &[EndpointId]) -> HashMap<EndpointId, Held> {
        let now = self.clock.now();
        let scheduler = self.queues();
        let held = |id: &EndpointId| Some((*id, scheduler.queues.get(id)?.held_by(now)?));
        endpoints.iter().filter_map(held).collect()
    }

    /// Sends under way, and deliveries held.
    pub(in crate::delivery) fn load(&self) -> (usize, usize) {
        let scheduler = self.queues();
        (scheduler.under_way, scheduler.held)
    }
}

/// What a delivery counts against the bound of bytes.
pub(in crate::delivery) fn bytes_of(claimed: &ClaimedDelivery) -> usize {
    claimed.event.subject.len()
}

impl Queues {
    fn queue(&mut self, endpoint: &Arc<Endpoint>) -> &mut EndpointQueue {
        self.queues.entry(endpoint.id).or_insert_with(|| EndpointQueue::new(Arc::clone(endpoint)))
    }

    /// Has the queue looked at again at that moment, and at none that was set before: it goes by what the queue knows now.
    fn look_at(&mut self, id: EndpointId, moment: Timestamp) {
        if let Some(before) = self.timer_of.insert(id, moment) {
            self.timers.remove(&(before, id));
        }
        self.timers.insert((moment, id));
    }

    /// Sends what this queue can send now.
    fn advance(&mut self, id: EndpointId, now: Timestamp, needed: Duration, work: &mut Work) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        loop {
            if self.under_way >= self.sends && queue.under_way() >= GUARANTEED {
                if !self.crowded.contains(&id) {
                    self.crowded.push_back(id);
                }
                return;
            }
            match queue.next(now) {
                NextSend::Now { endpoint, claimed } => {
                    if claimed.lease_until < now + needed {
                        // Too late to begin.
                        let _nothing_new = queue.ended(EndpointSignal::Unknown, now);
                        work.give_back.push(claimed);
                    } else {
                        self.under_way += 1;
                        work.sends.push((endpoint, claimed));
                    }
                }
                NextSend::At(moment) => {
                    self.look_at(id, moment);
                    return;
                }
                NextSend::None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
