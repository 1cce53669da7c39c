//! All lanes: who may hold how much, whose turn it is, and when to look again.
//!
//! Holds no connection and awaits nothing. What is to be done about it, its owner does with the [`Work`] that each call answers.

mod circuit_breaker;
pub(super) mod endpoint_queue;
mod rate_limit;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::endpoint_queue::{Held, Lane, Turn, Verdict};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::endpoints::Endpoint;
use crate::store::queue::{Claimed, Room};
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
    pub(in crate::delivery) sends: Vec<(Arc<Endpoint>, Claimed)>,
    /// To be given back to the database.
    pub(in crate::delivery) give_back: Vec<Claimed>,
}

pub(in crate::delivery) struct Board {
    clock: SharedClock,
    /// Of a lease, what must be left when a send sets out.
    needed: Duration,
    /// A std mutex: held for a few steps, never across an await.
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    /// Sends under way at once, over all endpoints.
    sends: usize,
    lanes: HashMap<EndpointId, Lane>,
    under_way: usize,
    held: usize,
    bytes: usize,
    /// Lanes that wait for a send of another to end.
    crowded: VecDeque<EndpointId>,
    /// Lanes that wait for a moment, one moment each.
    timers: BTreeSet<(Timestamp, EndpointId)>,
    /// The same by lane.
    timer_of: HashMap<EndpointId, Timestamp>,
}

impl Board {
    /// `needed` is the longest that a send and its record take, `sends` how many may be under way at once.
    pub(in crate::delivery) fn new(clock: SharedClock, needed: Duration, sends: usize) -> Self {
        Self { clock, needed, lanes: Mutex::new(Lanes { sends, ..Lanes::default() }) }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is configured; what waits for endpoints that are closed now goes back.
    pub(in crate::delivery) fn configure(&self, endpoints: &[Arc<Endpoint>]) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        let known: HashSet<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        board.lanes.retain(|id, lane| known.contains(id) || lane.held() > 0);
        let mut work = Work::default();
        for endpoint in endpoints {
            let lane = board.lane(endpoint);
            lane.configure(endpoint);
            if !lane.is_open() {
                work.give_back.extend(lane.drain());
            }
            board.advance(endpoint.id, now, self.needed, &mut work);
        }
        work
    }

    /// Takes a place for a delivery that is about to be made, so that it can be sent as soon as it is committed.
    pub(in crate::delivery) fn reserve(&self, endpoint: &Arc<Endpoint>, bytes: usize) -> bool {
        let now = self.clock.now();
        let mut board = self.lanes();
        let crowded = board.held >= HELD || board.bytes + bytes > HELD_BYTES;
        let lane = board.lane(endpoint);
        if crowded && lane.held() >= GUARANTEED {
            lane.note_backlog(true);
            return false;
        }
        let reserved = lane.reserve(now);
        if reserved {
            board.held += 1;
            board.bytes += bytes;
        }
        reserved
    }

    /// Takes a place whether there is one or not.
    pub(in crate::delivery) fn reserve_out_of_turn(&self, endpoint: &Arc<Endpoint>, bytes: usize) {
        let mut board = self.lanes();
        board.held += 1;
        board.bytes += bytes;
        board.lane(endpoint).hold(1);
    }

    /// Sends one whose place was taken so, whatever the lane says.
    pub(in crate::delivery) fn set_off(&self, endpoint: &Arc<Endpoint>, claimed: Claimed) -> Work {
        let mut board = self.lanes();
        board.under_way += 1;
        board.lane(endpoint).set_off();
        Work { sends: vec![(Arc::clone(endpoint), claimed)], give_back: Vec::new() }
    }

    /// How much of each endpoint's queue may be taken out of the database. What is promised to the first is not there for the next.
    pub(in crate::delivery) fn rooms(&self, endpoints: &[&Arc<Endpoint>]) -> Vec<Room> {
        let now = self.clock.now();
        let mut board = self.lanes();
        let mut left = if board.bytes >= HELD_BYTES { 0 } else { HELD.saturating_sub(board.held) };
        let room = |endpoint: &&Arc<Endpoint>| {
            let lane = board.lane(endpoint);
            let most = u32::try_from(left.max(GUARANTEED.saturating_sub(lane.held()))).unwrap_or(0);
            let room = lane.room(now);
            let room = Room { fresh: room.fresh.min(most), later: room.later.min(most) };
            left = left.saturating_sub(room.fresh as usize);
            room
        };
        endpoints.iter().map(room).collect()
    }

    /// Takes in what was claimed; `more` when the queue may hold more that is due.
    pub(in crate::delivery) fn take(&self, endpoint: &Arc<Endpoint>, claimed: Vec<Claimed>, more: bool) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        board.held += claimed.len();
        board.bytes += claimed.iter().map(bytes_of).sum::<usize>();
        let lane = board.lane(endpoint);
        lane.hold(claimed.len());
        lane.note_backlog(more);
        claimed.into_iter().for_each(|claimed| lane.enqueue(claimed));
        let mut work = Work::default();
        board.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// Takes in one whose place was reserved, now that it is committed.
    pub(in crate::delivery) fn deliver(&self, endpoint: &Arc<Endpoint>, claimed: Claimed) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        board.lane(endpoint).enqueue(claimed);
        let mut work = Work::default();
        board.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// A send has ended.
    pub(in crate::delivery) fn ended(&self, endpoint: EndpointId, verdict: Verdict) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        board.under_way = board.under_way.saturating_sub(1);
        let mut work = Work::default();
        if let Some(lane) = board.lanes.get_mut(&endpoint) {
            let look = lane.ended(verdict, now);
            if lane.is_shut(now) {
                work.give_back.extend(lane.drain());
            }
            if let Some(moment) = look {
                board.look_at(endpoint, moment);
            }
        }
        board.advance(endpoint, now, self.needed, &mut work);
        // One each, so that nobody who waits is overtaken.
        for _ in 0..board.crowded.len() {
            let Some(waiting) = board.crowded.pop_front() else { break };
            if board.under_way >= board.sends {
                board.crowded.push_front(waiting);
                break;
            }
            board.advance(waiting, now, self.needed, &mut work);
        }
        work
    }

    /// A place is free again, because the delivery is written down or was never made. Answers whether to look for more.
    pub(in crate::delivery) fn release(&self, endpoint: EndpointId, bytes: usize) -> bool {
        let mut board = self.lanes();
        board.held = board.held.saturating_sub(1);
        board.bytes = board.bytes.saturating_sub(bytes);
        board.lanes.get_mut(&endpoint).is_some_and(Lane::release)
    }

    /// Sets off what had to wait until now. Answers also whether to look into the database for more: a lane that was shut is open
    /// again, and what was given back waits there.
    pub(in crate::delivery) fn due(&self) -> (Work, bool) {
        let now = self.clock.now();
        let mut board = self.lanes();
        let (mut work, mut look) = (Work::default(), false);
        while let Some((moment, endpoint)) = board.timers.first().copied() {
            if moment > now {
                break;
            }
            board.timers.pop_first();
            board.timer_of.remove(&endpoint);
            board.advance(endpoint, now, self.needed, &mut work);
            look |= board.lanes.get(&endpoint).is_some_and(|lane| lane.wants_more(now));
        }
        (work, look)
    }

    /// When something that had to wait is due.
    pub(in crate::delivery) fn next_timer(&self) -> Option<Timestamp> {
        self.lanes().timers.first().map(|(moment, _)| *moment)
    }

    /// What waits here with a lease that is too short for it, or longer than a lease can be: the clock was put back.
    pub(in crate::delivery) fn wrong_leases(&self, before: Timestamp, beyond: Timestamp) -> Vec<(DeliveryId, i64)> {
        let mut board = self.lanes();
        let waiting = board.lanes.values_mut().flat_map(Lane::waiting);
        let is_wrong = |claimed: &&mut Claimed| claimed.lease_until < before || claimed.lease_until > beyond;
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
        let mut board = self.lanes();
        let mut gone = Vec::new();
        for lane in board.lanes.values_mut() {
            lane.waiting().filter(|claimed| held.contains(&claimed.id)).for_each(|claimed| claimed.lease_until = until);
            if !lost.is_empty() {
                gone.extend(lane.take_out(|claimed| lost.contains(&claimed.id)));
            }
        }
        drop(board);
        // The next look is now: nobody has to be woken for the room.
        gone.iter().for_each(|claimed| _ = self.release(claimed.endpoint_id, bytes_of(claimed)));
    }

    /// Takes out all that waits: the hub goes down.
    pub(in crate::delivery) fn close(&self) -> Work {
        let mut board = self.lanes();
        Work { sends: Vec::new(), give_back: board.lanes.values_mut().flat_map(Lane::drain).collect() }
    }

    /// What keeps everything from these endpoints now, for those of which it is so.
    pub(in crate::delivery) fn held(&self, endpoints: &[EndpointId]) -> HashMap<EndpointId, Held> {
        let now = self.clock.now();
        let board = self.lanes();
        let held = |id: &EndpointId| Some((*id, board.lanes.get(id)?.held_by(now)?));
        endpoints.iter().filter_map(held).collect()
    }

    /// Sends under way, and deliveries held.
    pub(in crate::delivery) fn load(&self) -> (usize, usize) {
        let board = self.lanes();
        (board.under_way, board.held)
    }
}

/// What a delivery counts against the bound of bytes.
pub(in crate::delivery) fn bytes_of(claimed: &Claimed) -> usize {
    claimed.event.subject.len()
}

impl Lanes {
    fn lane(&mut self, endpoint: &Arc<Endpoint>) -> &mut Lane {
        self.lanes.entry(endpoint.id).or_insert_with(|| Lane::new(Arc::clone(endpoint)))
    }

    /// Has the lane looked at again at that moment, and at none that was set before: it goes by what the lane knows now.
    fn look_at(&mut self, id: EndpointId, moment: Timestamp) {
        if let Some(before) = self.timer_of.insert(id, moment) {
            self.timers.remove(&(before, id));
        }
        self.timers.insert((moment, id));
    }

    /// Sends what this lane can send now.
    fn advance(&mut self, id: EndpointId, now: Timestamp, needed: Duration, work: &mut Work) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        loop {
            if self.under_way >= self.sends && lane.under_way() >= GUARANTEED {
                if !self.crowded.contains(&id) {
                    self.crowded.push_back(id);
                }
                return;
            }
            match lane.next(now) {
                Turn::Now { endpoint, claimed } => {
                    if claimed.lease_until < now + needed {
                        // Too late to begin.
                        let _nothing_new = lane.ended(Verdict::Unknown, now);
                        work.give_back.push(claimed);
                    } else {
                        self.under_way += 1;
                        work.sends.push((endpoint, claimed));
                    }
                }
                Turn::At(moment) => {
                    self.look_at(id, moment);
                    return;
                }
                Turn::None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
