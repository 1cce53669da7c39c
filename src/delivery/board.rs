//! All lanes: who may hold how much, whose turn it is, and when to look again.
//!
//! Holds no connection and awaits nothing. What is to be done about it, its owner does with the [`Work`] that each call answers.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lane::{Lane, Turn, Verdict};
use crate::ids::{DeliveryId, EndpointId};
use crate::store::endpoints::Endpoint;
use crate::store::queue::{Claimed, Room};
use crate::time::{SharedClock, Timestamp};

/// Sends under way at once, over all endpoints.
const SENDS: usize = 512;
/// Deliveries held at once, over all endpoints.
const HELD: usize = 4_096;
/// Bytes of what they tell, over all endpoints.
const HELD_BYTES: usize = 16 * 1024 * 1024;
/// What any endpoint may hold and have under way whatever the others do: a crowd of dead ones takes nothing from a healthy one.
const GUARANTEED: usize = 2;

/// What is to be done.
#[derive(Default)]
pub(super) struct Work {
    /// To be sent.
    pub(super) sends: Vec<(Arc<Endpoint>, Claimed)>,
    /// To be given back to the database.
    pub(super) give_back: Vec<Claimed>,
}

pub(super) struct Board {
    clock: SharedClock,
    /// Of a lease, what must be left when a send sets out.
    needed: Duration,
    /// A std mutex: held for a few steps, never across an await.
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    lanes: HashMap<EndpointId, Lane>,
    under_way: usize,
    held: usize,
    bytes: usize,
    /// Lanes that wait for a send of another to end.
    crowded: VecDeque<EndpointId>,
    /// Lanes that wait for a moment.
    timers: BTreeSet<(Timestamp, EndpointId)>,
}

impl Board {
    /// `needed` is the longest that a send and its record take.
    pub(super) fn new(clock: SharedClock, needed: Duration) -> Self {
        Self { clock, needed, lanes: Mutex::default() }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what is configured; what waits for endpoints that are closed now goes back.
    pub(super) fn configure(&self, endpoints: &[Arc<Endpoint>]) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        let known: HashSet<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        board.lanes.retain(|id, lane| known.contains(id) || lane.held() > 0);
        let mut work = Work::default();
        for endpoint in endpoints {
            let lane = board.lane(endpoint, &self.clock);
            lane.configure(endpoint, &self.clock);
            if !lane.is_open() {
                work.give_back.extend(lane.drain());
            }
            board.advance(endpoint.id, now, self.needed, &mut work);
        }
        work
    }

    /// Takes a place for a delivery that is about to be made, so that it can be sent as soon as it is committed.
    pub(super) fn reserve(&self, endpoint: &Arc<Endpoint>, bytes: usize) -> bool {
        let now = self.clock.now();
        let mut board = self.lanes();
        let crowded = board.held >= HELD || board.bytes + bytes > HELD_BYTES;
        let lane = board.lane(endpoint, &self.clock);
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
    pub(super) fn reserve_out_of_turn(&self, endpoint: &Arc<Endpoint>) {
        let mut board = self.lanes();
        board.held += 1;
        board.lane(endpoint, &self.clock).hold(1);
    }

    /// Sends one whose place was taken so, whatever the lane says.
    pub(super) fn set_off(&self, endpoint: &Arc<Endpoint>, claimed: Claimed) -> Work {
        let mut board = self.lanes();
        board.under_way += 1;
        board.lane(endpoint, &self.clock).set_off();
        Work { sends: vec![(Arc::clone(endpoint), claimed)], give_back: Vec::new() }
    }

    /// How much of the endpoint's queue may be taken out of the database.
    pub(super) fn room(&self, endpoint: &Arc<Endpoint>) -> Room {
        let now = self.clock.now();
        let mut board = self.lanes();
        let left = if board.bytes >= HELD_BYTES { 0 } else { HELD.saturating_sub(board.held) };
        let lane = board.lane(endpoint, &self.clock);
        let left = u32::try_from(left.max(GUARANTEED.saturating_sub(lane.held()))).unwrap_or(0);
        let room = lane.room(now);
        Room { fresh: room.fresh.min(left), later: room.later.min(left) }
    }

    /// Takes in what was claimed; `more` when the queue may hold more that is due.
    pub(super) fn take(&self, endpoint: &Arc<Endpoint>, claimed: Vec<Claimed>, more: bool) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        board.held += claimed.len();
        board.bytes += claimed.iter().map(bytes_of).sum::<usize>();
        let lane = board.lane(endpoint, &self.clock);
        lane.hold(claimed.len());
        lane.note_backlog(more);
        claimed.into_iter().for_each(|claimed| lane.enqueue(claimed));
        let mut work = Work::default();
        board.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// Takes in one whose place was reserved, now that it is committed.
    pub(super) fn deliver(&self, endpoint: &Arc<Endpoint>, claimed: Claimed) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        board.lane(endpoint, &self.clock).enqueue(claimed);
        let mut work = Work::default();
        board.advance(endpoint.id, now, self.needed, &mut work);
        work
    }

    /// A send has ended.
    pub(super) fn ended(&self, endpoint: EndpointId, verdict: Verdict) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        board.under_way = board.under_way.saturating_sub(1);
        let mut work = Work::default();
        if let Some(lane) = board.lanes.get_mut(&endpoint) {
            let look = lane.ended(verdict, now);
            if lane.is_shut(now) {
                work.give_back.extend(lane.drain());
            }
            board.timers.extend(look.map(|moment| (moment, endpoint)));
        }
        board.advance(endpoint, now, self.needed, &mut work);
        // One each, so that nobody who waits is overtaken.
        for _ in 0..board.crowded.len() {
            let Some(waiting) = board.crowded.pop_front() else { break };
            if board.under_way >= SENDS {
                board.crowded.push_front(waiting);
                break;
            }
            board.advance(waiting, now, self.needed, &mut work);
        }
        work
    }

    /// A place is free again, because the delivery is written down or was never made. Answers whether to look for more.
    pub(super) fn release(&self, endpoint: EndpointId, bytes: usize) -> bool {
        let mut board = self.lanes();
        board.held = board.held.saturating_sub(1);
        board.bytes = board.bytes.saturating_sub(bytes);
        board.lanes.get_mut(&endpoint).is_some_and(Lane::release)
    }

    /// Sets off what had to wait until now.
    pub(super) fn due(&self) -> Work {
        let now = self.clock.now();
        let mut board = self.lanes();
        let mut work = Work::default();
        while let Some((moment, endpoint)) = board.timers.first().copied() {
            if moment > now {
                break;
            }
            board.timers.pop_first();
            board.advance(endpoint, now, self.needed, &mut work);
        }
        work
    }

    /// When something that had to wait is due.
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        self.lanes().timers.first().map(|(moment, _)| *moment)
    }

    /// What waits here with a lease that is too short for it.
    pub(super) fn short_leases(&self, before: Timestamp) -> Vec<(DeliveryId, i64)> {
        let mut board = self.lanes();
        let waiting = board.lanes.values_mut().flat_map(Lane::waiting);
        waiting.filter(|claimed| claimed.lease_until < before).map(|claimed| (claimed.id, claimed.fence)).collect()
    }

    /// Notes which of these leases were prolonged. The others belong to somebody else by now.
    pub(super) fn prolong(&self, asked: &[(DeliveryId, i64)], held: &HashSet<DeliveryId>, until: Timestamp) {
        let lost: HashSet<DeliveryId> = asked.iter().map(|(id, _)| *id).filter(|id| !held.contains(id)).collect();
        let mut board = self.lanes();
        let mut gone = 0;
        for lane in board.lanes.values_mut() {
            lane.waiting().filter(|claimed| held.contains(&claimed.id)).for_each(|claimed| claimed.lease_until = until);
            if !lost.is_empty() {
                let count = lane.retain(|claimed| !lost.contains(&claimed.id));
                (0..count).for_each(|_| _ = lane.release());
                gone += count;
            }
        }
        board.held = board.held.saturating_sub(gone);
    }

    /// Takes out all that waits: the hub goes down.
    pub(super) fn close(&self) -> Work {
        let mut board = self.lanes();
        Work { sends: Vec::new(), give_back: board.lanes.values_mut().flat_map(Lane::drain).collect() }
    }

    /// Sends under way, and deliveries held.
    pub(super) fn load(&self) -> (usize, usize) {
        let board = self.lanes();
        (board.under_way, board.held)
    }
}

/// What a delivery counts against the bound of bytes.
pub(super) fn bytes_of(claimed: &Claimed) -> usize {
    claimed.event.subject.len()
}

impl Lanes {
    fn lane(&mut self, endpoint: &Arc<Endpoint>, clock: &SharedClock) -> &mut Lane {
        self.lanes.entry(endpoint.id).or_insert_with(|| Lane::new(Arc::clone(endpoint), clock))
    }

    /// Sends what this lane can send now.
    fn advance(&mut self, id: EndpointId, now: Timestamp, needed: Duration, work: &mut Work) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        loop {
            if self.under_way >= SENDS && lane.under_way() >= GUARANTEED {
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
                    self.timers.insert((moment, id));
                    return;
                }
                Turn::None => return,
            }
        }
    }
}
