//! A circuit breaker for one endpoint: after a row of failures nothing is sent for a while, then a single probe finds out.
//! Pure: the time and the jitter are arguments.

use std::time::Duration;

use crate::time::Timestamp;

/// Failures in a row that open it.
const THRESHOLD: u32 = 5;
/// Shortest time that it stays open; doubled each time a probe fails.
const SHORTEST: Duration = Duration::from_secs(2);
/// Longest time that it stays open. Whatever comes meanwhile waits so long for a target that is back already.
const LONGEST: Duration = Duration::from_secs(10);

/// The state of the breaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Closed: everything is sent.
    #[default]
    Closed,
    /// Closed, with this many consecutive failures.
    Shaky(u32),
    /// Open: nothing is sent before `until`.
    Open {
        /// When a probe may be sent.
        until: Timestamp,
        /// Probes that failed.
        probes: u32,
    },
    /// Half open: a single probe is under way.
    Probing {
        /// Probes that failed before it.
        probes: u32,
    },
}

/// Whether something may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// No restriction.
    Free,
    /// One, to find out.
    Probe,
    /// Not before that moment.
    NotBefore(Timestamp),
    /// Not before the probe under way has ended.
    AfterProbe,
}

impl Breaker {
    pub(super) fn admit(self, now: Timestamp) -> Admission {
        match self {
            Self::Closed | Self::Shaky(_) => Admission::Free,
            // One that opens later than it can was set before the clock was put back.
            Self::Open { until, .. } if until <= now || until > now + LONGEST => Admission::Probe,
            Self::Open { until, .. } => Admission::NotBefore(until),
            Self::Probing { .. } => Admission::AfterProbe,
        }
    }

    /// A probe sets out.
    pub(super) const fn probe(&mut self) {
        if let Self::Open { probes, .. } = *self {
            *self = Self::Probing { probes };
        }
    }

    pub(super) const fn succeeded(&mut self) {
        *self = Self::Closed;
    }

    /// What was sent neither arrived nor failed by the endpoint's fault: a probe has told nothing.
    pub(super) const fn learnt_nothing(&mut self, now: Timestamp) {
        if let Self::Probing { probes } = *self {
            *self = Self::Open { until: now, probes };
        }
    }

    /// Answers whether this opened it. `random` is a fraction in `[0, 1)`: many endpoints behind one fault are not probed all at
    /// once.
    pub(super) fn failed(&mut self, now: Timestamp, random: f64) -> bool {
        let probes = match *self {
            Self::Closed => return self.shake(1, now, random),
            Self::Shaky(failures) => return self.shake(failures + 1, now, random),
            // Sends that were under way when it opened tell nothing new.
            Self::Open { .. } => return false,
            Self::Probing { probes } => probes + 1,
        };
        self.open(probes, now, random);
        true
    }

    fn shake(&mut self, failures: u32, now: Timestamp, random: f64) -> bool {
        if failures < THRESHOLD {
            *self = Self::Shaky(failures);
            return false;
        }
        self.open(0, now, random);
        true
    }

    fn open(&mut self, probes: u32, now: Timestamp, random: f64) {
        let wait = SHORTEST.saturating_mul(1_u32.checked_shl(probes).unwrap_or(u32::MAX)).min(LONGEST);
        *self = Self::Open { until: now + wait.mul_f64(0.5 + random / 2.0), probes };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn broken() -> Breaker {
        let mut breaker = Breaker::default();
        let opened: Vec<bool> = (0..THRESHOLD).map(|_| breaker.failed(at(0), 0.0)).collect();
        assert_eq!(opened, [false, false, false, false, true]);
        breaker
    }

    #[test]
    fn a_row_of_failures_opens_it_and_a_success_between_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            (1..THRESHOLD).for_each(|_| assert!(!breaker.failed(at(0), 0.0)));
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(at(0)), Admission::Free);
        assert_eq!(broken().admit(at(999)), Admission::NotBefore(at(1_000)));
    }

    #[test]
    fn one_probe_at_a_time_finds_out() {
        let mut breaker = broken();
        assert_eq!(breaker.admit(at(1_000)), Admission::Probe);
        breaker.probe();
        assert_eq!(breaker.admit(at(1_000)), Admission::AfterProbe);
        assert!(breaker.failed(at(1_000), 0.0));
        assert_eq!(breaker.admit(at(1_001)), Admission::NotBefore(at(3_000)), "waits longer each time");
        breaker.probe();
        breaker.learnt_nothing(at(5_000));
        assert_eq!(breaker.admit(at(5_000)), Admission::Probe);
        breaker.probe();
        breaker.succeeded();
        assert_eq!(breaker.admit(at(5_000)), Admission::Free);
    }

    #[test]
    fn stragglers_do_not_prolong_it_and_the_wait_has_an_end() {
        let mut breaker = broken();
        let before = breaker;
        assert!(!breaker.failed(at(900), 0.5));
        assert_eq!(breaker, before);
        for _ in 0..40 {
            breaker.probe();
            breaker.failed(at(0), 1.0);
        }
        assert_eq!(breaker.admit(at(0)), Admission::NotBefore(at(10_000)));
        assert_eq!(breaker.admit(at(-1)), Admission::Probe, "the clock was put back");
    }
}
