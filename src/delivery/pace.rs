//! How much at once and how often an endpoint is sent to.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::channels::Declaration;
use crate::store::endpoints::Endpoint;
use crate::time::{SharedClock, Timestamp};

/// Where the allowance of an endpoint that was not heard of yet begins.
const CAUTIOUS: u32 = 4;

/// How many sends to an endpoint may be under way. Grows with each success up to the endpoint's own bound and is halved by each
/// failure, so that an endpoint that hangs holds few of the hub's sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    now: u32,
    most: u32,
}

impl Allowance {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let most = most(endpoint);
        Self { now: CAUTIOUS.min(most), most }
    }

    /// Takes over a changed bound.
    pub(super) fn rebound(&mut self, endpoint: &Endpoint) {
        self.most = most(endpoint);
        self.now = self.now.min(self.most);
    }

    pub(super) const fn sends(self) -> u32 {
        self.now
    }

    pub(super) fn succeeded(&mut self) {
        self.now = (self.now + 1).min(self.most);
    }

    pub(super) fn failed(&mut self) {
        self.now = (self.now / 2).max(1);
    }
}

fn most(endpoint: &Endpoint) -> u32 {
    endpoint.transport.concurrency.unwrap_or(Declaration::of(endpoint.channel).concurrency).max(1)
}

/// Messages a second, where there is a bound.
pub(super) fn rate(endpoint: &Endpoint) -> Option<f64> {
    endpoint.transport.rate_per_second.or(Declaration::of(endpoint.channel).rate_per_second)
}

/// A token bucket of one second's messages.
pub(super) struct Limiter {
    bucket: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    rate: f64,
}

impl Limiter {
    pub(super) fn new(rate: f64, clock: SharedClock) -> Self {
        Self { bucket: RateLimiter::direct_with_clock(quota(rate), Ticks(clock)), rate }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes a token, or says how long to wait for one.
    pub(super) fn take(&mut self) -> Result<(), Duration> {
        let clock = self.bucket.clock().clone();
        let Err(refused) = self.bucket.check() else { return Ok(()) };
        let wait = refused.wait_time_from(clock.now());
        // No wait is longer than the bucket takes to fill, but when the machine's clock is set back.
        if wait > Duration::from_secs_f64(2.0 + 2.0 / self.rate) {
            self.bucket = RateLimiter::direct_with_clock(quota(self.rate), clock);
        }
        Err(wait.max(Duration::from_millis(1)))
    }
}

fn quota(rate: f64) -> Quota {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded when it is configured")]
    let burst = NonZeroU32::new(rate.ceil() as u32).unwrap_or(NonZeroU32::MIN);
    let period = Quota::with_period(Duration::from_secs_f64(1.0 / rate.max(0.001)));
    period.unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst)
}

/// The hub's clock as the bucket reads it.
#[derive(Clone)]
struct Ticks(SharedClock);

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.now().since(Timestamp::from_micros(0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::time::ManualClock;

    #[test]
    fn a_bucket_gives_a_seconds_worth_and_then_one_at_a_time() {
        let clock = ManualClock::starting_at(Timestamp::from_micros(1_000_000_000));
        let mut limiter = Limiter::new(4.0, Arc::new(clock.clone()));
        assert_eq!((0..9).take_while(|_| limiter.take().is_ok()).count(), 4);
        assert!(limiter.take().expect_err("empty") <= Duration::from_millis(250));
        clock.advance(Duration::from_millis(250));
        assert!(limiter.take().is_ok());
        assert!(limiter.take().is_err());
    }

    #[test]
    fn slower_than_one_a_second_is_possible() {
        let clock = ManualClock::starting_at(Timestamp::from_micros(1_000_000_000));
        let mut limiter = Limiter::new(0.1, Arc::new(clock.clone()));
        assert!(limiter.take().is_ok());
        clock.advance(Duration::from_secs(9));
        assert!(limiter.take().is_err());
        clock.advance(Duration::from_secs(1));
        assert!(limiter.take().is_ok());
    }

    #[test]
    fn an_allowance_grows_slowly_and_shrinks_fast() {
        let mut allowance = Allowance { now: 4, most: 32 };
        (0..100).for_each(|_| allowance.succeeded());
        assert_eq!(allowance.sends(), 32);
        let after: Vec<u32> = (0..7)
            .map(|_| {
                allowance.failed();
                allowance.sends()
            })
            .collect();
        assert_eq!(after, [16, 8, 4, 2, 1, 1, 1]);
    }
}
