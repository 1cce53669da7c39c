//! The concurrency limit and the rate limit of an endpoint.

use std::time::Duration;

use crate::channels::Declaration;
use crate::store::endpoints::Endpoint;
use crate::time::Timestamp;

/// Initial concurrency limit of an endpoint.
const INITIAL: u32 = 4;

/// Adaptive limit of concurrent sends to an endpoint. It grows by one with each success, up to the endpoint's
/// configured maximum, and is halved by each failure. An endpoint that hangs therefore occupies few of the hub's sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConcurrencyLimit {
    now: u32,
    most: u32,
}

impl ConcurrencyLimit {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let most = most(endpoint);
        Self { now: INITIAL.min(most), most }
    }

    /// Applies a changed maximum.
    pub(super) fn set_most(&mut self, endpoint: &Endpoint) {
        self.most = most(endpoint);
        self.now = self.now.min(self.most);
    }

    pub(super) const fn get(self) -> u32 {
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

/// The endpoint's rate limit in messages per second, or its channel's.
pub(super) fn rate(endpoint: &Endpoint) -> Option<f64> {
    endpoint.transport.rate_per_second.or(Declaration::of(endpoint.channel).rate_per_second)
}

/// A token bucket with a capacity of a tenth of a second's messages, and at least one. The capacity is small because a
/// burst comes on top of the rate, and chat services count by the second. Implemented as one timestamp (the generic
/// cell rate algorithm of ITU-T I.371, as a virtual schedule). Pure: the time is an argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateLimiter {
    rate: f64,
    /// Between two messages.
    interval: Duration,
    /// How far ahead of the schedule a message may be sent.
    burst: Duration,
    /// When the next message is due by the schedule.
    next: Timestamp,
}

impl RateLimiter {
    /// Returns a limiter with a full bucket.
    pub(super) fn new(rate: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.max(0.001));
        let burst = interval.mul_f64((rate / 10.0).floor().max(1.0) - 1.0);
        Self { rate, interval, burst, next: Timestamp::from_micros(i64::MIN) }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns when a message may be sent, if not now. Takes no token.
    pub(super) fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        let at = self.next - self.burst;
        // A wait of more than one interval means that the clock was set back. It is ignored.
        (at > now && at <= now + self.interval).then_some(at)
    }

    /// Takes a token for a message that is sent now.
    pub(super) fn take(&mut self, now: Timestamp) {
        let latest = now + self.burst + self.interval;
        let next = if self.next > latest { now } else { self.next.max(now) };
        self.next = next + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn try_take(limiter: &mut RateLimiter, now: Timestamp) -> bool {
        let is_free = limiter.not_before(now).is_none();
        if is_free {
            limiter.take(now);
        }
        is_free
    }

    #[test]
    fn no_second_exceeds_the_rate_by_more_than_a_tenth() {
        for (rate, most) in [(1.0, 1), (4.0, 4), (40.0, 43), (400.0, 439)] {
            let mut limiter = RateLimiter::new(rate);
            let mut taken = 0;
            for milli in 0..1_000 {
                let now = START + Duration::from_millis(milli);
                while try_take(&mut limiter, now) {
                    taken += 1;
                }
            }
            assert_eq!(taken, most, "{rate} a second");
        }
    }

    #[test]
    fn an_empty_bucket_returns_the_time_of_the_next_token() {
        let mut limiter = RateLimiter::new(4.0);
        assert!(try_take(&mut limiter, START));
        let at = START + Duration::from_millis(250);
        assert_eq!(limiter.not_before(START), Some(at));
        assert!(try_take(&mut limiter, at));
        assert!(!try_take(&mut limiter, at));
    }

    #[test]
    fn slower_than_one_a_second_is_possible() {
        let mut limiter = RateLimiter::new(0.1);
        assert!(try_take(&mut limiter, START));
        assert!(!try_take(&mut limiter, START + Duration::from_secs(9)));
        assert!(try_take(&mut limiter, START + Duration::from_secs(10)));
    }

    #[test]
    fn asking_takes_no_token() {
        let mut limiter = RateLimiter::new(1.0);
        (0..100).for_each(|_| assert_eq!(limiter.not_before(START), None));
        assert!(try_take(&mut limiter, START) && !try_take(&mut limiter, START));
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_block() {
        let mut limiter = RateLimiter::new(1.0);
        assert!(try_take(&mut limiter, START));
        let before = Timestamp::from_micros(1_000_000);
        assert!(try_take(&mut limiter, before));
        assert!(!try_take(&mut limiter, before), "the rate still applies");
        assert!(try_take(&mut limiter, before + Duration::from_secs(1)));
    }

    #[test]
    fn the_concurrency_limit_grows_slowly_and_shrinks_fast() {
        let mut limit = ConcurrencyLimit { now: 4, most: 32 };
        (0..100).for_each(|_| limit.succeeded());
        assert_eq!(limit.get(), 32);
        let after: Vec<u32> = (0..7)
            .map(|_| {
                limit.failed();
                limit.get()
            })
            .collect();
        assert_eq!(after, [16, 8, 4, 2, 1, 1, 1]);
    }
}
