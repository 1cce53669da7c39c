//! A circuit breaker for one endpoint: after consecutive failures it opens for a while, then it lets a single probe
//! through. Pure: the time and the jitter are arguments.

use std::time::Duration;

use crate::time::Timestamp;

/// Consecutive failures that open it.
const THRESHOLD: u32 = 5;
/// Shortest time that it stays open; doubled each time a probe fails.
const SHORTEST: Duration = Duration::from_secs(2);
/// Longest time that it stays open. A delivery to a target that works again waits this long at most.
const LONGEST: Duration = Duration::from_secs(10);

/// The state of the breaker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Closed: everything is sent.
    #[default]
    Closed,
    /// Closed, with this many consecutive failures.
    Failing(u32),
    /// Open: nothing is sent before `until`, then one probe. `probes` have failed so far.
    Open { until: Timestamp, probes: u32 },
    /// Half open: a single probe is under way. `probes` have failed before it.
    Probing { probes: u32 },
}

/// Whether something may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// No restriction.
    Free,
    /// One send, as the probe.
    Probe,
    /// Nothing before that time.
    NotBefore(Timestamp),
    /// Nothing before the probe under way has ended.
    AfterProbe,
}

impl Breaker {
    pub(super) fn admit(self, now: Timestamp) -> Admission {
        match self {
            Self::Closed | Self::Failing(_) => Admission::Free,
            // An end too far ahead was set before the clock was set back.
            Self::Open { until, .. } if until <= now || until > now + LONGEST => Admission::Probe,
            Self::Open { until, .. } => Admission::NotBefore(until),
            Self::Probing { .. } => Admission::AfterProbe,
        }
    }

    /// Notes the start of the probe.
    pub(super) const fn probe(&mut self) {
        if let Self::Open { probes, .. } = *self {
            *self = Self::Probing { probes };
        }
    }

    pub(super) const fn succeeded(&mut self) {
        *self = Self::Closed;
    }

    /// Notes a send that says nothing about the endpoint. After such a probe, the next one may start at once.
    pub(super) const fn inconclusive(&mut self, now: Timestamp) {
        if let Self::Probing { probes } = *self {
            *self = Self::Open { until: now, probes };
        }
    }

    /// Notes a failure; returns whether it opened the breaker. `random` is a fraction in `[0, 1)`, so that many
    /// endpoints with the same fault are not all probed at once.
    pub(super) fn failed(&mut self, now: Timestamp, random: f64) -> bool {
        let probes = match *self {
            Self::Closed => return self.count_failure(1, now, random),
            Self::Failing(failures) => return self.count_failure(failures + 1, now, random),
            // A send that was under way when it opened: nothing new.
            Self::Open { .. } => return false,
            Self::Probing { probes } => probes + 1,
        };
        self.open(probes, now, random);
        true
    }

    fn count_failure(&mut self, failures: u32, now: Timestamp, random: f64) -> bool {
        if failures < THRESHOLD {
            *self = Self::Failing(failures);
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
    fn consecutive_failures_open_it_and_a_success_in_between_resets_the_count() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            (1..THRESHOLD).for_each(|_| assert!(!breaker.failed(at(0), 0.0)));
            breaker.succeeded();
        }
        assert_eq!(breaker.admit(at(0)), Admission::Free);
        assert_eq!(broken().admit(at(999)), Admission::NotBefore(at(1_000)));
    }

    #[test]
    fn one_probe_at_a_time_is_admitted() {
        let mut breaker = broken();
        assert_eq!(breaker.admit(at(1_000)), Admission::Probe);
        breaker.probe();
        assert_eq!(breaker.admit(at(1_000)), Admission::AfterProbe);
        assert!(breaker.failed(at(1_000), 0.0));
        assert_eq!(breaker.admit(at(1_001)), Admission::NotBefore(at(3_000)), "it waits longer each time");
        breaker.probe();
        breaker.inconclusive(at(5_000));
        assert_eq!(breaker.admit(at(5_000)), Admission::Probe);
        breaker.probe();
        breaker.succeeded();
        assert_eq!(breaker.admit(at(5_000)), Admission::Free);
    }

    #[test]
    fn late_failures_do_not_prolong_it_and_the_wait_is_bounded() {
        let mut breaker = broken();
        let before = breaker;
        assert!(!breaker.failed(at(900), 0.5));
        assert_eq!(breaker, before);
        for _ in 0..40 {
            breaker.probe();
            breaker.failed(at(0), 1.0);
        }
        assert_eq!(breaker.admit(at(0)), Admission::NotBefore(at(10_000)));
        assert_eq!(breaker.admit(at(-1)), Admission::Probe, "the clock was set back");
    }
}
