//! When a failed attempt is made again: exponential back-off with full jitter, a pure function whose result is stored.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How an endpoint is retried.
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

/// How long to wait after `made` attempts, or none when that was the last. `random` is a fraction in `[0, 1)`: full jitter
/// ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015) spreads the load of many that failed at once. A target's
/// `Retry-After` may only lengthen the wait.
pub fn next_delay(schedule: &RetrySchedule, made: u32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
    if made >= schedule.attempts {
        return None;
    }
    let longest = ExponentialBuilder::default()
        .with_min_delay(schedule.first)
        .with_factor(schedule.factor)
        .with_max_delay(schedule.longest)
        .without_max_times()
        .build()
        .nth(made.saturating_sub(1) as usize)?;
    let asked = retry_after.unwrap_or_default().min(schedule.retry_after_ceiling);
    Some(longest.mul_f64(random).max(asked))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEDULE: RetrySchedule = RetrySchedule {
        first: Duration::from_secs(2),
        factor: 3.0,
        longest: Duration::from_secs(60),
        attempts: 6,
        retry_after_ceiling: Duration::from_secs(100),
    };

    #[test]
    fn grows_to_its_ceiling_and_ends() {
        let longest = |made| next_delay(&SCHEDULE, made, None, 1.0).map(|delay| delay.as_secs());
        assert_eq!([1, 2, 3, 4, 5, 6].map(longest), [Some(2), Some(6), Some(18), Some(54), Some(60), None]);
    }

    proptest! {
        #[test]
        fn jitter_is_full_and_retry_after_only_lengthens(made in 1_u32..6, random in 0.0_f64..1.0, after in 0_u64..1_000) {
            let after = Duration::from_secs(after);
            let plain = next_delay(&SCHEDULE, made, None, random).expect("not the last");
            let told = next_delay(&SCHEDULE, made, Some(after), random).expect("not the last");
            prop_assert!(plain <= SCHEDULE.longest);
            prop_assert_eq!(told, plain.max(after.min(SCHEDULE.retry_after_ceiling)));
        }
    }
}
