//! When a failed attempt is made again: a pure function whose result is stored. Exponential back-off with full jitter, or the waits
//! that an endpoint names.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::store::endpoints::Endpoint;

/// Of a wait that an endpoint names, as much is added at random: many that failed at once do not come back at once.
const NAMED_JITTER: f64 = 0.1;

/// How deliveries are retried where an endpoint says nothing else.
#[derive(Debug, Clone, Copy)]
pub struct RetrySchedule {
    /// Longest wait before the second attempt.
    pub first: Duration,
    /// Each wait may be this many times the one before.
    pub factor: f32,
    /// Longest wait of all.
    pub longest: Duration,
    /// Attempts before giving up, the first included.
    pub attempts: u32,
    /// Most that a target's `Retry-After` is honoured.
    pub retry_after_ceiling: Duration,
}

impl Default for RetrySchedule {
    /// Twelve attempts within about four and a half hours at most.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            factor: 3.0,
            longest: Duration::from_secs(3_600),
            attempts: 12,
            retry_after_ceiling: Duration::from_secs(3_600),
        }
    }
}

impl RetrySchedule {
    /// The longest that any of these endpoints' deliveries may be put off.
    pub fn longest_wait<'e>(&self, endpoints: impl Iterator<Item = &'e Endpoint>) -> Duration {
        let named = endpoints.filter_map(|endpoint| endpoint.transport.schedule.as_deref()).flatten().max();
        let named = Duration::from_secs(named.copied().unwrap_or(0).into()).mul_f64(1.0 + NAMED_JITTER);
        named.max(self.longest).max(self.retry_after_ceiling)
    }
}

/// How one endpoint is retried.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'e> {
    default: &'e RetrySchedule,
    /// Seconds after each failed attempt.
    named: Option<&'e [u32]>,
}

impl<'e> Schedule<'e> {
    /// That of an endpoint.
    pub fn of(endpoint: &'e Endpoint, default: &'e RetrySchedule) -> Self {
        Self { default, named: endpoint.transport.schedule.as_deref() }
    }

    /// How long to wait after the hub itself was at fault for the `faults`th time. There is no last one.
    pub fn delay_of_fault(&self, faults: u32, random: f64) -> Option<Duration> {
        exponential(self.default, faults).map(|longest| longest.mul_f64(random))
    }
}

/// How long to wait after `made` attempts, or none when that was the last. `random` is a fraction in `[0, 1)`: full jitter
/// ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015) spreads the load of many that failed at once. A target's
/// `Retry-After` may only lengthen the wait.
pub fn next_delay(schedule: &Schedule<'_>, made: u32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
    let wait = match schedule.named {
        Some(named) => {
            let seconds = named.get(made.saturating_sub(1) as usize)?;
            Duration::from_secs((*seconds).into()).mul_f64(NAMED_JITTER.mul_add(random, 1.0))
        }
        None if made >= schedule.default.attempts => return None,
        None => exponential(schedule.default, made)?.mul_f64(random),
    };
    Some(wait.max(retry_after.unwrap_or_default().min(schedule.default.retry_after_ceiling)))
}

/// The longest wait after so many attempts.
fn exponential(schedule: &RetrySchedule, made: u32) -> Option<Duration> {
    ExponentialBuilder::default()
        .with_min_delay(schedule.first)
        .with_factor(schedule.factor)
        .with_max_delay(schedule.longest)
        .without_max_times()
        .build()
        .nth(made.saturating_sub(1) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULT: RetrySchedule = RetrySchedule {
        first: Duration::from_secs(2),
        factor: 3.0,
        longest: Duration::from_secs(60),
        attempts: 6,
        retry_after_ceiling: Duration::from_secs(100),
    };
    const SCHEDULE: Schedule<'static> = Schedule { default: &DEFAULT, named: None };

    #[test]
    fn grows_to_its_ceiling_and_ends() {
        let longest = |made| next_delay(&SCHEDULE, made, None, 1.0).map(|delay| delay.as_secs());
        assert_eq!([1, 2, 3, 4, 5, 6].map(longest), [Some(2), Some(6), Some(18), Some(54), Some(60), None]);
    }

    #[test]
    fn named_waits_are_kept_and_then_it_ends() {
        let named = Schedule { named: Some(&[5, 0, 600]), ..SCHEDULE };
        let waits = |random| [1, 2, 3, 4].map(|made| next_delay(&named, made, None, random).map(|wait| wait.as_secs()));
        assert_eq!(waits(0.0), [Some(5), Some(0), Some(600), None]);
        assert_eq!(waits(1.0), [Some(5), Some(0), Some(660), None]);
    }

    #[test]
    fn our_own_faults_have_no_last_attempt() {
        assert_eq!(SCHEDULE.delay_of_fault(1, 1.0), Some(Duration::from_secs(2)));
        assert_eq!(SCHEDULE.delay_of_fault(500, 1.0), Some(Duration::from_secs(60)));
    }

    proptest! {
        #[test]
        fn jitter_is_full_and_retry_after_only_lengthens(made in 1_u32..6, random in 0.0_f64..1.0, after in 0_u64..1_000) {
            let after = Duration::from_secs(after);
            let plain = next_delay(&SCHEDULE, made, None, random).expect("not the last");
            let told = next_delay(&SCHEDULE, made, Some(after), random).expect("not the last");
            prop_assert!(plain <= DEFAULT.longest);
            prop_assert_eq!(told, plain.max(after.min(DEFAULT.retry_after_ceiling)));
        }
    }
}
