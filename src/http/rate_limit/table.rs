//! Counts what many callers do against a rate, in memory of a fixed size.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// Places of a set. A caller may stand in any place of its set.
const WAYS: usize = 8;
/// Microseconds in which a caller may do as much as the rate says; all of it at once, if it did nothing before.
const MINUTE: u64 = 60_000_000;

/// A place: a caller, and when its next call is due by the schedule.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// A keyed hash of the caller, so that nobody can choose whom to share a set with.
    caller: u64,
    next: Timestamp,
}

const FREE: Place = Place { caller: 0, next: Timestamp::from_micros(i64::MIN) };

/// One rate for each of many callers: the generic cell rate algorithm of ITU-T I.371, as a virtual schedule. When a set is
/// full, the caller who has done least gives way: most often one whose quota is whole again, so that nothing is lost.
#[derive(Debug)]
pub(super) struct RateTable {
    hasher: RandomState,
    sets: Box<[Mutex<[Place; WAYS]>]>,
    /// Between two calls.
    interval: Duration,
    /// How far ahead of the schedule a caller may be.
    window: Duration,
}

impl RateTable {
    /// A table for `callers` (rounded up to whole sets) with `per_minute` calls each.
    pub(super) fn new(callers: usize, per_minute: u32) -> Self {
        // Whole microseconds, as times are.
        let interval = Duration::from_micros(MINUTE / u64::from(per_minute.max(1))).max(Duration::from_micros(1));
        let sets = (0..callers.div_ceil(WAYS).max(1)).map(|_| Mutex::new([FREE; WAYS])).collect();
        Self { hasher: RandomState::new(), sets, interval, window: interval * per_minute.max(1) }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// When the caller has used up its quota: how long until its next call. Then nothing is counted.
    pub(super) fn count(&self, caller: &impl Hash, now: Timestamp) -> Result<(), Duration> {
        let caller = self.hash(caller);
        self.with_set(caller, |set| {
            // Its own place, or else that of the one who gives way.
            let place = set.iter_mut().min_by_key(|place| (place.caller != caller, place.next));
            let Some(place) = place else { return Ok(()) };
            if place.caller != caller {
                *place = Place { caller, ..FREE };
            }
            // Further ahead than a caller can be: the clock was set back.
            let next = if place.next > now + self.window { now } else { place.next.max(now) } + self.interval;
            let wait = next.since(now + self.window);
            if wait.is_zero() {
                place.next = next;
                return Ok(());
            }
            Err(wait)
        })
    }

    /// How long until the caller's next call, if its quota is used up. Counts nothing.
    pub(super) fn wait(&self, caller: &impl Hash, now: Timestamp) -> Option<Duration> {
        let caller = self.hash(caller);
        let next =
            self.with_set(caller, |set| set.iter().find(|place| place.caller == caller).map(|place| place.next))?;
        let is_possible = next <= now + self.window;
        let wait = (next + self.interval).since(now + self.window);
        (is_possible && !wait.is_zero()).then_some(wait)
    }

    /// Whether the caller has a place, since it called not long ago.
    pub(super) fn knows(&self, caller: &impl Hash) -> bool {
        let caller = self.hash(caller);
        self.with_set(caller, |set| set.iter().any(|place| place.caller == caller))
    }

    fn hash(&self, caller: &impl Hash) -> u64 {
        self.hasher.hash_one(caller).max(1)
    }

    fn with_set<R>(&self, caller: u64, act: impl FnOnce(&mut [Place]) -> R) -> R {
        let number = usize::try_from(caller >> 16).unwrap_or_default() % self.sets.len();
        match self.sets.get(number) {
            Some(set) => act(&mut *set.lock().unwrap_or_else(PoisonError::into_inner)),
            // A remainder is less than the divisor.
            None => act(&mut []),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn seconds(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_quota_may_be_used_at_once_and_is_then_refilled_evenly() {
        let table = RateTable::new(64, 20);
        for call in 0..20 {
            assert_eq!(table.count(&"a", START), Ok(()), "call {call}");
        }
        assert_eq!(table.count(&"a", START), Err(Duration::from_secs(3)));
        assert_eq!(table.wait(&"a", START), Some(Duration::from_secs(3)));
        assert_eq!(table.count(&"b", START), Ok(()), "another caller has its own quota");
        assert_eq!(table.count(&"a", seconds(2)), Err(Duration::from_secs(1)), "asking again costs nothing");
        assert_eq!(table.wait(&"a", seconds(3)), None);
        assert_eq!(table.count(&"a", seconds(3)), Ok(()));
        assert_eq!(table.count(&"a", seconds(3)), Err(Duration::from_secs(3)));
        assert!((0..20).all(|_| table.count(&"a", seconds(120)).is_ok()));
    }

    #[test]
    fn a_clock_that_is_put_back_shuts_nobody_out() {
        let table = RateTable::new(64, 1);
        assert_eq!(table.count(&"a", seconds(86_400)), Ok(()));
        assert_eq!(table.wait(&"a", START), None);
        assert_eq!(table.count(&"a", START), Ok(()));
        assert!(table.count(&"a", START).is_err());
    }

    /// The table has the places that it began with: a new caller takes one from another. Who is over the limit keeps its own.
    #[test]
    fn a_crowd_of_addresses_takes_no_more_memory() {
        let table = RateTable::new(32_768, 20);
        let offender = IpAddr::from(Ipv4Addr::new(192, 0, 2, 7));
        while table.count(&offender, START).is_ok() {}
        for number in 0..200_000_u32 {
            assert_eq!(table.count(&IpAddr::from(Ipv4Addr::from(number)), START), Ok(()));
        }
        let places = table.sets.iter().map(|set| set.lock().expect("a set").len()).sum::<usize>();
        assert_eq!((places, std::mem::size_of_val(&*table.sets)), (32_768, 4_096 * 136));
        assert!(table.wait(&offender, START).is_some());
    }

    proptest! {
        /// In any minute, a caller is let through no more often than twice its rate: once saved up, once refilled.
        #[test]
        fn no_caller_gets_more_than_its_rate(
            steps in proptest::collection::vec((0_u8..3, 0_u64..4_000), 1..400),
            per_minute in 1_u32..40,
        ) {
            let table = RateTable::new(8, per_minute);
            let (mut now, mut passed) = (START, HashMap::<u8, Vec<Timestamp>>::new());
            for (caller, millis) in steps {
                now = now + Duration::from_millis(millis);
                let wait = table.wait(&caller, now);
                match table.count(&caller, now) {
                    Ok(()) => {
                        prop_assert_eq!(wait, None);
                        passed.entry(caller).or_default().push(now);
                    }
                    Err(expected) => prop_assert_eq!(wait, Some(expected)),
                }
            }
            for times in passed.values() {
                for (at, first) in times.iter().enumerate() {
                    let span = |last: &&Timestamp| last.since(*first) < Duration::from_micros(MINUTE);
                    let within = times[at..].iter().take_while(span).count();
                    prop_assert!(within <= 2 * per_minute as usize, "{within} of {per_minute}");
                }
            }
        }
    }
}
