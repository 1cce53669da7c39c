//! Leased deliveries of one endpoint that wait in memory, with its concurrency limit, rate limit and circuit breaker.
//! The admission rules are described in the scheduler's documentation.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::circuit_breaker::{Admission, Breaker};
use super::rate_limit::{ConcurrencyLimit, RateLimiter, rate};
use crate::random;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::queue::{ClaimedDelivery, Room, Tier};
use crate::time::Timestamp;

/// Limit of one endpoint's deliveries in memory. It keeps a fast endpoint busy while results are recorded.
const WINDOW: usize = 1_024;
/// Window of an endpoint with a rate limit, in seconds of that rate.
const WINDOW_SECONDS: f64 = 2.0;
/// Hold for an endpoint that answers that it is busy, and does not say for how long.
const DEFAULT_HOLD: Duration = Duration::from_secs(1);
/// Messages per second to an endpoint whose answers are too long. Each such message costs several times as much as a
/// normal one.
const OVERFLOW_RATE: f64 = 50.0;
/// Longest hold that one answer can cause.
const LONGEST_HOLD: Duration = Duration::from_secs(300);

/// What the result of a send says about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delivery) enum EndpointSignal {
    Works,
    /// It works, but its answer is longer than is read, so its connection cannot be reused.
    Overflows,
    /// It answers, and rejects this message.
    Refuses,
    /// It asks for fewer messages, for this long.
    Busy(Option<Duration>),
    Fails,
    /// Nothing: the failure is not the endpoint's.
    Unknown,
}

/// Why, and until when, an endpoint is sent nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    pub by: HeldBy,
    /// None while a probe is under way.
    pub until: Option<Timestamp>,
}

/// Why an endpoint is sent nothing for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldBy {
    /// Its circuit breaker is open.
    Breaker,
    /// It asked for fewer messages.
    Throttled,
}

/// The waiting deliveries of one endpoint, and its limits.
pub(in crate::delivery) struct EndpointQueue {
    endpoint: Arc<Endpoint>,
    /// One queue per tier, in sending order.
    queues: [VecDeque<ClaimedDelivery>; 3],
    /// Places that are reserved, waiting here, under way, or not recorded yet.
    held: usize,
    under_way: usize,
    concurrency: ConcurrencyLimit,
    limiter: Option<RateLimiter>,
    /// Present while its answers are too long.
    overflow: Option<RateLimiter>,
    breaker: Breaker,
    /// The endpoint asked to be sent nothing before that time.
    hold_until: Option<Timestamp>,
    /// Whether the database may have more due deliveries.
    backlog: bool,
}

/// Whether a queue can send something.
pub(in crate::delivery) enum NextSend {
    Now {
        endpoint: Arc<Endpoint>,
        claimed: ClaimedDelivery,
    },
    /// Not before that time.
    At(Timestamp),
    /// Not before another event: a delivery is added, or a send ends.
    None,
}

impl EndpointQueue {
    pub(in crate::delivery) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            concurrency: ConcurrencyLimit::of(&endpoint),
            limiter: rate(&endpoint).map(RateLimiter::new),
            queues: Default::default(),
            held: 0,
            under_way: 0,
            overflow: None,
            breaker: Breaker::default(),
            hold_until: None,
            backlog: true,
            endpoint,
        }
    }

    pub(in crate::delivery) const fn held(&self) -> usize {
        self.held
    }

    pub(in crate::delivery) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// Applies the endpoint's current configuration.
    pub(in crate::delivery) fn configure(&mut self, endpoint: &Arc<Endpoint>) {
        if Arc::ptr_eq(&self.endpoint, endpoint) {
            return;
        }
        let target = |endpoint: &Endpoint| secrecy::ExposeSecret::expose_secret(&endpoint.url).to_owned();
        if target(&self.endpoint) != target(endpoint) || self.endpoint.transport != endpoint.transport {
            // These describe another target, or another route to it.
            (self.breaker, self.hold_until) = (Breaker::default(), None);
        }
        if rate(endpoint) != self.limiter.as_ref().map(RateLimiter::rate) {
            self.limiter = rate(endpoint).map(RateLimiter::new);
        }
        self.concurrency.set_most(endpoint);
        self.endpoint = Arc::clone(endpoint);
        self.backlog = true;
    }

    pub(in crate::delivery) fn is_enabled(&self) -> bool {
        self.endpoint.state == EndpointState::Active && self.endpoint.paused_at.is_none()
    }

    fn window(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let seconds = |rate: f64| (rate * WINDOW_SECONDS).ceil() as usize;
        let limiters = [&self.limiter, &self.overflow];
        limiters.into_iter().flatten().map(|limiter| seconds(limiter.rate())).min().unwrap_or(WINDOW).clamp(1, WINDOW)
    }

    /// How many more deliveries fit, of first attempts and of the others. The others may use only half of the window.
    pub(in crate::delivery) fn room(&self, now: Timestamp) -> Room {
        if !self.is_enabled() || self.held_until(now).is_some() {
            return Room::default();
        }
        match self.breaker.admit(now) {
            Admission::Free => {
                let free = |window: usize| u32::try_from(window.saturating_sub(self.held)).unwrap_or(0);
                Room { fresh: free(self.window()), later: free(self.window().div_ceil(2)) }
            }
            Admission::Probe if self.held == 0 => Room { fresh: 1, later: 1 },
            Admission::Probe | Admission::NotBefore(_) | Admission::AfterProbe => Room::default(),
        }
    }

    /// Whether nothing waits here, while the database may have a delivery that can be sent now.
    pub(in crate::delivery) fn wants_more(&self, now: Timestamp) -> bool {
        self.backlog && self.queues.iter().all(VecDeque::is_empty) && self.room(now) != Room::default()
    }

    /// Reserves a place for a first attempt, if there is one.
    pub(in crate::delivery) fn reserve(&mut self, now: Timestamp) -> bool {
        let free = self.room(now).fresh > 0;
        self.backlog |= !free;
        self.held += usize::from(free);
        free
    }

    /// Occupies places, for claimed deliveries.
    pub(in crate::delivery) const fn occupy(&mut self, count: usize) {
        self.held += count;
    }

    /// Notes whether the database may have more due deliveries.
    pub(in crate::delivery) const fn note_backlog(&mut self, more: bool) {
        self.backlog = more;
    }

    /// Releases a place. Returns whether to poll the database for more: only when another quarter of the window is
    /// free, so that each poll claims many.
    pub(in crate::delivery) fn release(&mut self) -> bool {
        self.held = self.held.saturating_sub(1);
        self.backlog && self.held.is_multiple_of((self.window() / 4).max(1))
    }

    pub(in crate::delivery) fn enqueue(&mut self, claimed: ClaimedDelivery) {
        let [fresh, retry, replay] = &mut self.queues;
        match claimed.tier {
            Tier::Fresh => fresh.push_back(claimed),
            Tier::Retry => retry.push_back(claimed),
            Tier::Replay => replay.push_back(claimed),
        }
    }

    /// Returns the next delivery to send, and counts it as under way.
    pub(in crate::delivery) fn next(&mut self, now: Timestamp) -> NextSend {
        if self.under_way >= self.concurrency.get() as usize || self.queues.iter().all(VecDeque::is_empty) {
            return NextSend::None;
        }
        if let Some(until) = self.held_until(now) {
            return NextSend::At(until);
        }
        let is_probe = match self.breaker.admit(now) {
            Admission::Free => false,
            Admission::Probe => true,
            Admission::NotBefore(until) => return NextSend::At(until),
            Admission::AfterProbe => return NextSend::None,
        };
        // Both limiters must allow the send before a token of either is taken.
        let limiters = || [&self.overflow, &self.limiter].into_iter().flatten();
        if let Some(at) = limiters().filter_map(|limiter| limiter.not_before(now)).max() {
            return NextSend::At(at);
        }
        let Some(claimed) = self.queues.iter_mut().find_map(VecDeque::pop_front) else { return NextSend::None };
        [&mut self.overflow, &mut self.limiter].into_iter().flatten().for_each(|limiter| limiter.take(now));
        if is_probe {
            self.breaker.probe();
        }
        self.under_way += 1;
        NextSend::Now { endpoint: Arc::clone(&self.endpoint), claimed }
    }

    /// Counts a send that was started without [`Self::next`].
    pub(in crate::delivery) const fn started_out_of_turn(&mut self) {
        self.under_way += 1;
    }

    /// Notes the end of a send. Returns when the queue can send again, if it cannot now.
    pub(in crate::delivery) fn ended(&mut self, signal: EndpointSignal, now: Timestamp) -> Option<Timestamp> {
        self.under_way = self.under_way.saturating_sub(1);
        match signal {
            EndpointSignal::Works | EndpointSignal::Overflows => {
                self.breaker.succeeded();
                self.concurrency.succeeded();
                self.note_overflow(signal == EndpointSignal::Overflows);
            }
            EndpointSignal::Refuses => self.breaker.succeeded(),
            EndpointSignal::Busy(wait) => {
                self.breaker.inconclusive(now);
                self.concurrency.failed();
                let until = now + wait.unwrap_or(DEFAULT_HOLD).min(LONGEST_HOLD);
                self.hold_until = self.held_until(now).max(Some(until));
            }
            EndpointSignal::Fails => {
                self.concurrency.failed();
                self.breaker.failed(now, random::fraction());
            }
            EndpointSignal::Unknown => self.breaker.inconclusive(now),
        }
        match self.breaker.admit(now) {
            Admission::NotBefore(until) => Some(until),
            _ => self.held_until(now),
        }
    }

    /// Until when the endpoint asked to be sent nothing. A time beyond the longest hold was set before the clock was
    /// put back.
    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.hold_until.filter(|until| *until > now && *until <= now + LONGEST_HOLD)
    }

    fn note_overflow(&mut self, overflows: bool) {
        if overflows != self.overflow.is_some() {
            self.overflow = overflows.then(|| RateLimiter::new(OVERFLOW_RATE));
        }
    }

    /// Whether nothing can be sent for a while, so that the waiting deliveries must return to the database.
    pub(in crate::delivery) fn is_shut(&self, now: Timestamp) -> bool {
        !self.is_enabled()
            || self.held_until(now).is_some()
            || matches!(self.breaker.admit(now), Admission::NotBefore(_) | Admission::AfterProbe)
    }

    /// Why the endpoint is sent nothing at present. Of two reasons, the one that lasts longer.
    pub(in crate::delivery) fn held_by(&self, now: Timestamp) -> Option<Held> {
        let throttled = self.held_until(now);
        match self.breaker.admit(now) {
            _ if !self.is_enabled() => None,
            Admission::AfterProbe => Some(Held { by: HeldBy::Breaker, until: None }),
            Admission::NotBefore(until) if throttled.is_none_or(|asked| asked < until) => {
                Some(Held { by: HeldBy::Breaker, until: Some(until) })
            }
            _ => throttled.map(|until| Held { by: HeldBy::Throttled, until: Some(until) }),
        }
    }

    /// Removes and returns all waiting deliveries. Their places stay occupied.
    pub(in crate::delivery) fn drain(&mut self) -> Vec<ClaimedDelivery> {
        self.backlog = true;
        self.queues.iter_mut().flat_map(std::mem::take).collect()
    }

    /// The waiting deliveries.
    pub(in crate::delivery) fn waiting(&mut self) -> impl Iterator<Item = &mut ClaimedDelivery> {
        self.queues.iter_mut().flatten()
    }

    /// Removes and returns some of the waiting deliveries. Their places stay occupied.
    pub(in crate::delivery) fn remove_where(
        &mut self,
        which: impl Fn(&ClaimedDelivery) -> bool,
    ) -> Vec<ClaimedDelivery> {
        let mut removed = Vec::new();
        for queue in &mut self.queues {
            let (out, stay): (VecDeque<_>, VecDeque<_>) = std::mem::take(queue).into_iter().partition(&which);
            removed.extend(out);
            *queue = stay;
        }
        removed
    }
}
