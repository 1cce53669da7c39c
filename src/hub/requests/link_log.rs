//! Counts of link fetches, views and votes, collected in memory until they are written.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::links::Link;
use crate::store::link_events::{LinkEvent, LinkEventKey, Tally};
use crate::time::Timestamp;

/// Most rows that are collected; further ones are dropped, and their number is logged.
const MAX_ROWS: usize = 10_000;

/// The counts since they were last written.
#[derive(Default)]
pub(in crate::hub) struct LinkLog {
    /// A std mutex: locked for a look-up, never across an await.
    collected: Mutex<Collected>,
}

#[derive(Default)]
pub(super) struct Collected {
    pub(super) tallies: BTreeMap<LinkEventKey, Tally>,
    pub(super) dropped: u64,
}

impl LinkLog {
    /// Counts an event of a verified link.
    pub(super) fn note(&self, link: &Link, event: LinkEvent, now: Timestamp) {
        let key = LinkEventKey { delivery: link.delivery, slot: link.group.clone(), event };
        self.add(key, Tally { request: link.request, count: 1, first_at: now, last_at: now });
    }

    pub(super) fn add(&self, key: LinkEventKey, tally: Tally) {
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = collected.tallies.len() >= MAX_ROWS;
        match collected.tallies.get_mut(&key) {
            Some(known) => {
                known.count = known.count.saturating_add(tally.count);
                known.first_at = known.first_at.min(tally.first_at);
                known.last_at = known.last_at.max(tally.last_at);
            }
            None if is_full => collected.dropped += 1,
            None => drop(collected.tallies.insert(key, tally)),
        }
    }

    pub(super) fn take(&self) -> Collected {
        std::mem::take(&mut *self.collected.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::GroupName;
    use crate::ids::{DeliveryId, RequestId};

    #[test]
    fn collected_counts_are_bounded() {
        let (log, at) = (LinkLog::default(), Timestamp::from_micros);
        let (slot, request) = ("dba".parse::<GroupName>().expect("a name"), RequestId::mint(at(0)));
        let tally = |second| Tally { request, count: 1, first_at: at(second), last_at: at(second) };
        let key = |delivery| LinkEventKey { delivery, slot: slot.clone(), event: LinkEvent::Fetched };
        let first = key(DeliveryId::mint(at(0)));
        log.add(first.clone(), tally(5));
        log.add(first.clone(), tally(3));
        for _ in 0..MAX_ROWS + 2 {
            log.add(key(DeliveryId::mint(at(1))), tally(4));
        }
        log.add(first.clone(), tally(9));
        let Collected { tallies, dropped } = log.take();
        assert_eq!((tallies.len(), dropped), (MAX_ROWS, 3));
        assert_eq!(tallies.get(&first), Some(&Tally { request, count: 3, first_at: at(3), last_at: at(9) }));
        assert!(log.take().tallies.is_empty());
    }
}
