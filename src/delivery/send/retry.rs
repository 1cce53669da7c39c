//! The time of the next retry: exponential back-off with full jitter, or the delays that an endpoint configures. A pure
//! function, whose result is stored with the delivery.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::store::endpoints::Endpoint;

/// Maximum jitter of a configured delay, as a fraction of it. Deliveries that failed together are not retried together.
const NAMED_JITTER: f64 = 0.1;

/// The retry schedule of endpoints that configure none.
#[derive(Debug, Clone, Copy)]
pub struct RetrySchedule {
    /// Maximum delay before the second attempt.
    pub first: Duration,
    /// Growth of the maximum delay per attempt.
    pub factor: f32,
    /// Upper limit of the maximum delay.
    pub longest: Duration,
    /// Attempts before giving up, including the first.
    pub attempts: u32,
    /// Longest `Retry-After` of a target that is honoured.
    pub retry_after_ceiling: Duration,
}

impl Default for RetrySchedule {
    /// Twelve attempts within 4 h 37 min at most.
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
    /// Returns the longest delay that any delivery of these endpoints can get.
    pub fn longest_wait<'e>(&self, endpoints: impl Iterator<Item = &'e Endpoint>) -> Duration {
        let named = endpoints.filter_map(|endpoint| endpoint.transport.schedule.as_deref()).flatten().max();
        let named = Duration::from_secs(named.copied().unwrap_or(0).into()).mul_f64(1.0 + NAMED_JITTER);
        named.max(self.longest).max(self.retry_after_ceiling)
    }
}

/// The retry schedule of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'e> {
    default: &'e RetrySchedule,
    /// Configured delays in seconds, one after each failed attempt.
    named: Option<&'e [u32]>,
}

impl<'e> Schedule<'e> {
    /// Returns the endpoint's own schedule, or the default.
    pub fn of(endpoint: &'e Endpoint, default: &'e RetrySchedule) -> Self {
        Self { default, named: endpoint.transport.schedule.as_deref() }
    }

    /// Returns the delay after the `faults`th failure that does not count against the endpoint. It never gives up.
    pub fn delay_of_fault(&self, faults: u32, random: f64) -> Option<Duration> {
        exponential(self.default, faults).map(|longest| longest.mul_f64(random))
    }
}

/// Returns the delay after `made` attempts, or `None` after the last. `random` is a fraction in `[0, 1)`: full jitter
/// ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015) spreads the retries of deliveries that failed
/// together. A target's `Retry-After` can only lengthen the delay.
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

/// The maximum delay after `made` attempts.
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
    fn the_delay_grows_to_its_limit_and_the_attempts_end() {
        let longest = |made| next_delay(&SCHEDULE, made, None, 1.0).map(|delay| delay.as_secs());
        assert_eq!([1, 2, 3, 4, 5, 6].map(longest), [Some(2), Some(6), Some(18), Some(54), Some(60), None]);
    }

    #[test]
    fn configured_delays_are_used_and_then_the_attempts_end() {
        let named = Schedule { named: Some(&[5, 0, 600]), ..SCHEDULE };
        let waits = |random| [1, 2, 3, 4].map(|made| next_delay(&named, made, None, random).map(|wait| wait.as_secs()));
        assert_eq!(waits(0.0), [Some(5), Some(0), Some(600), None]);
        assert_eq!(waits(1.0), [Some(5), Some(0), Some(660), None]);
    }

    #[test]
    fn faults_of_the_hub_have_no_last_attempt() {
        assert_eq!(SCHEDULE.delay_of_fault(1, 1.0), Some(Duration::from_secs(2)));
        assert_eq!(SCHEDULE.delay_of_fault(500, 1.0), Some(Duration::from_secs(60)));
    }

    proptest! {
        #[test]
        fn jitter_is_full_and_retry_after_only_lengthens(made in 1_u32..6, random in 0.0_f64..1.0, after in 0_u64..1_000) {
            let after = Duration::from_secs(after);
            let plain = next_delay(&SCHEDULE, made, None, random).expect("not the last");
            let asked = next_delay(&SCHEDULE, made, Some(after), random).expect("not the last");
            prop_assert!(plain <= DEFAULT.longest);
            prop_assert_eq!(asked, plain.max(after.min(DEFAULT.retry_after_ceiling)));
        }
    }
}
