//! How much at once and how often an endpoint is sent to.

use std::time::Duration;

use crate::channels::Declaration;
use crate::store::endpoints::Endpoint;
use crate::time::Timestamp;

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

/// A token bucket that holds a tenth of a second's messages, and at least one: what was saved up in a quiet time comes on top of the
/// rate, and chat services count by the second. Kept as one moment (the generic cell rate algorithm, ITU-T I.371, as a virtual
/// schedule). Pure: the time is an argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limiter {
    rate: f64,
    /// Between two messages.
    interval: Duration,
    /// How far ahead of its schedule a message may go.
    burst: Duration,
    /// When the next message is due by the schedule.
    next: Timestamp,
}

impl Limiter {
    /// One with a full bucket.
    pub(super) fn new(rate: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.max(0.001));
        let burst = interval.mul_f64((rate / 10.0).floor().max(1.0) - 1.0);
        Self { rate, interval, burst, next: Timestamp::from_micros(i64::MIN) }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// When a message may go, if not now.
    pub(super) fn not_before(&self, now: Timestamp) -> Option<Timestamp> {
        let moment = self.next - self.burst;
        // No wait is longer than one interval, but when the machine's clock was put back: then nobody knows.
        (moment > now && moment <= now + self.interval).then_some(moment)
    }

    /// Takes a token: a message goes now.
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

    fn try_take(limiter: &mut Limiter, now: Timestamp) -> bool {
        let is_free = limiter.not_before(now).is_none();
        if is_free {
            limiter.take(now);
        }
        is_free
    }

    #[test]
    fn no_second_sees_more_than_a_tenth_above_the_rate() {
        for (rate, most) in [(1.0, 1), (4.0, 4), (40.0, 43), (400.0, 439)] {
            let mut limiter = Limiter::new(rate);
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
    fn an_empty_bucket_says_when_there_is_one_again() {
        let mut limiter = Limiter::new(4.0);
        assert!(try_take(&mut limiter, START));
        let moment = START + Duration::from_millis(250);
        assert_eq!(limiter.not_before(START), Some(moment));
        assert!(try_take(&mut limiter, moment));
        assert!(!try_take(&mut limiter, moment));
    }

    #[test]
    fn slower_than_one_a_second_is_possible() {
        let mut limiter = Limiter::new(0.1);
        assert!(try_take(&mut limiter, START));
        assert!(!try_take(&mut limiter, START + Duration::from_secs(9)));
        assert!(try_take(&mut limiter, START + Duration::from_secs(10)));
    }

    #[test]
    fn looking_takes_nothing() {
        let mut limiter = Limiter::new(1.0);
        (0..100).for_each(|_| assert_eq!(limiter.not_before(START), None));
        assert!(try_take(&mut limiter, START) && !try_take(&mut limiter, START));
    }

    #[test]
    fn a_clock_that_is_put_back_stops_nothing() {
        let mut limiter = Limiter::new(1.0);
        assert!(try_take(&mut limiter, START));
        let before = Timestamp::from_micros(1_000_000);
        assert!(try_take(&mut limiter, before));
        assert!(!try_take(&mut limiter, before), "and the rate holds");
        assert!(try_take(&mut limiter, before + Duration::from_secs(1)));
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
