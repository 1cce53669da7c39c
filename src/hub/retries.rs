//! What fails by itself is tried again ever more rarely, keeps nothing else waiting, and fills no log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::RequestId;
use crate::store::timers::Timer;
use crate::time::Timestamp;

/// Wait after the first failure; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(600);
/// After the first failure each such one is logged.
const LOGGED: u32 = 10;
/// Most that is remembered. What does not fit is tried each time that it is found.
const MOST: usize = 10_000;

/// What failed, and when it is tried next.
#[derive(Debug)]
pub(super) struct Retries<K>(Mutex<BTreeMap<K, Failed>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    next: Timestamp,
}

/// A failure that was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// How often it has failed in a row.
    pub(super) times: u32,
    /// When it is tried next.
    pub(super) next: Timestamp,
    /// Whether to log it.
    pub(super) is_logged: bool,
}

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord> Retries<K> {
    /// Whether it may be tried at `now`.
    pub(super) fn may_try(&self, what: &K, now: Timestamp) -> bool {
        self.lock().get(what).is_none_or(|failed| failed.next <= now)
    }

    /// Notes that it failed.
    pub(super) fn failed(&self, what: K, now: Timestamp) -> Noted {
        let mut known = self.lock();
        let times = known.get(&what).map_or(0, |failed| failed.times) + 1;
        let wait = FIRST.saturating_mul(1 << (times - 1).min(16)).min(LONGEST);
        let next = now + wait;
        if known.len() < MOST || known.contains_key(&what) {
            known.insert(what, Failed { times, next });
        }
        Noted { times, next, is_logged: times == 1 || times.is_multiple_of(LOGGED) }
    }

    /// Notes that it worked.
    pub(super) fn worked(&self, what: &K) {
        self.lock().remove(what);
    }

    /// Ends a look at `now`: whatever could have been tried and did not fail again needs no more tries. Answers when the next
    /// one is due.
    pub(super) fn next_after_look(&self, now: Timestamp) -> Option<Timestamp> {
        let mut known = self.lock();
        known.retain(|_, failed| failed.next > now);
        known.values().map(|failed| failed.next).min()
    }

    /// A std mutex: held for a look-up, never across an await.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can fail by itself, again and again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// A request's step.
    Step(Timer, RequestId),
    /// To look again at a request whose deciders changed.
    Recheck(RequestId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes_and_few_failures_are_logged() {
        let (retries, mut now, mut logged) = (Retries::default(), Timestamp::from_micros(0), Vec::new());
        let mut waits = Vec::new();
        for _ in 0..20 {
            let noted = retries.failed("x", now);
            waits.push(noted.next.since(now).as_secs());
            if noted.is_logged {
                logged.push(noted.times);
            }
            assert!(!retries.may_try(&"x", now) && retries.may_try(&"y", now));
            now = noted.next;
            assert!(retries.may_try(&"x", now));
        }
        assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        assert_eq!(waits[19], 600);
        assert_eq!(logged, [1, 10, 20]);
    }

    #[test]
    fn what_works_or_is_gone_is_forgotten() {
        let (retries, now) = (Retries::default(), Timestamp::from_micros(0));
        retries.failed(1, now);
        retries.failed(2, now);
        let later = retries.failed(2, now).next;
        retries.worked(&1);
        assert_eq!(retries.next_after_look(now), Some(later));
        assert_eq!(retries.next_after_look(later), None, "it was not found any more");
        assert_eq!(retries.failed(2, later).times, 1);
    }
}
