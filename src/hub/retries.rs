//! Exponential back-off of background tasks, per task: a failing task delays no other and is logged rarely.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::RequestId;
use crate::store::timers::Timer;
use crate::time::Timestamp;

/// Delay after the first failure; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(1);
/// Longest delay.
const LONGEST: Duration = Duration::from_secs(600);
/// Besides the first failure, every tenth is logged.
const LOGGED: u32 = 10;
/// Most tasks that are remembered. Tasks beyond this are retried at every poll.
const MAX_TASKS: usize = 10_000;

/// Failed tasks, with the time of each one's next retry.
#[derive(Debug)]
pub(super) struct Retries<K>(Mutex<BTreeMap<K, Failed>>);

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: u32,
    next: Timestamp,
}

/// A recorded failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// Consecutive failures.
    pub(super) times: u32,
    /// Time of the next retry.
    pub(super) next: Timestamp,
    pub(super) is_logged: bool,
}

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord> Retries<K> {
    /// Whether the task may run at `now`.
    pub(super) fn may_try(&self, what: &K, now: Timestamp) -> bool {
        self.lock().get(what).is_none_or(|failed| failed.next <= now)
    }

    /// Records a failure.
    pub(super) fn failed(&self, what: K, now: Timestamp) -> Noted {
        let mut known = self.lock();
        let times = known.get(&what).map_or(0, |failed| failed.times) + 1;
        let wait = FIRST.saturating_mul(1 << (times - 1).min(16)).min(LONGEST);
        let next = now + wait;
        if known.len() < MAX_TASKS || known.contains_key(&what) {
            known.insert(what, Failed { times, next });
        }
        Noted { times, next, is_logged: times == 1 || times.is_multiple_of(LOGGED) }
    }

    /// Records a success.
    pub(super) fn worked(&self, what: &K) {
        self.lock().remove(what);
    }

    /// Forgets the tasks that were due at `now` and did not fail again, and returns the time of the next retry. Call it
    /// at the end of a poll.
    pub(super) fn next_retry(&self, now: Timestamp) -> Option<Timestamp> {
        let mut known = self.lock();
        known.retain(|_, failed| failed.next > now);
        known.values().map(|failed| failed.next).min()
    }

    /// A std mutex: locked for a look-up, never across an await.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A background task that may fail repeatedly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// A due step of a request.
    Step(Timer, RequestId),
    /// The recheck of a request after a membership change.
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
    fn tasks_that_succeed_or_disappear_are_forgotten() {
        let (retries, now) = (Retries::default(), Timestamp::from_micros(0));
        retries.failed(1, now);
        retries.failed(2, now);
        let later = retries.failed(2, now).next;
        retries.worked(&1);
        assert_eq!(retries.next_retry(now), Some(later));
        assert_eq!(retries.next_retry(later), None, "it was not found any more");
        assert_eq!(retries.failed(2, later).times, 1);
    }
}
