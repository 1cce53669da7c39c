//! Leased deliveries of one endpoint that wait in memory, with its concurrency limit, rate limit and circuit breaker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::circuit_breaker::{Admission, Breaker};
use super::rate_limit::{Allowance, Limiter, rate};
use crate::random;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::queue::{ClaimedDelivery, Room, Tier};
use crate::time::Timestamp;

/// Deliveries held for one endpoint at most: enough for one that answers fast to be kept busy while results are written down.
const WINDOW: usize = 1_024;
/// Of an endpoint with a rate, as many seconds' worth.
const WINDOW_SECONDS: f64 = 2.0;
/// How long an endpoint that is busy and does not say for how long is left alone.
const BREATHER: Duration = Duration::from_secs(1);
/// Messages a second to an endpoint whose answers overflow: each costs several times as much as one to another.
const OVERFLOW_RATE: f64 = 50.0;
/// Longest time for which one answer may keep everything else from an endpoint.
const LONGEST_HOLD: Duration = Duration::from_secs(300);

/// What a send showed about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delivery) enum EndpointSignal {
    /// It works.
    Works,
    /// It works, and answers more than is read, so that its connection cannot be used again.
    Overflows,
    /// It answers, and refuses this one.
    Refuses,
    /// It wants less, for so long.
    Busy(Option<Duration>),
    /// It does not work.
    Fails,
    /// Nothing: the fault was ours.
    Unknown,
}

/// What keeps everything from an endpoint for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    /// What it is.
    pub by: HeldBy,
    /// How long; unknown while a probe finds out.
    pub until: Option<Timestamp>,
}

/// What may keep everything from an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldBy {
    /// Its circuit breaker.
    Breaker,
    /// It asked for time.
    Throttled,
}

/// The deliveries of one endpoint that wait, and its limits.
pub(in crate::delivery) struct EndpointQueue {
    endpoint: Arc<Endpoint>,
    /// Tier by tier.
    queues: [VecDeque<ClaimedDelivery>; 3],
    /// Reserved, waiting here, under way, or not yet written down.
    held: usize,
    under_way: usize,
    allowance: Allowance,
    limiter: Option<Limiter>,
    /// While its answers overflow.
    overflow: Option<Limiter>,
    breaker: Breaker,
    /// Nothing is sent before that moment, because the endpoint asked for it.
    hold_until: Option<Timestamp>,
    /// Whether the database may hold more that is due.
    backlog: bool,
}

/// Whether a queue has something that can set out.
pub(in crate::delivery) enum NextSend {
    /// It has.
    Now {
        /// To whom.
        endpoint: Arc<Endpoint>,
        /// What.
        claimed: ClaimedDelivery,
    },
    /// Not before that moment.
    At(Timestamp),
    /// Not before something else happens.
    None,
}

impl EndpointQueue {
    pub(in crate::delivery) fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            allowance: Allowance::of(&endpoint),
            limiter: rate(&endpoint).map(Limiter::new),
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

    /// Takes over what is configured anew.
    pub(in crate::delivery) fn configure(&mut self, endpoint: &Arc<Endpoint>) {
        if Arc::ptr_eq(&self.endpoint, endpoint) {
            return;
        }
        let target = |endpoint: &Endpoint| secrecy::ExposeSecret::expose_secret(&endpoint.url).to_owned();
        if target(&self.endpoint) != target(endpoint) || self.endpoint.transport != endpoint.transport {
            // What was learnt was learnt of another target, or of another way to it.
            (self.breaker, self.hold_until) = (Breaker::default(), None);
        }
        if rate(endpoint) != self.limiter.as_ref().map(Limiter::rate) {
            self.limiter = rate(endpoint).map(Limiter::new);
        }
        self.allowance.rebound(endpoint);
        self.endpoint = Arc::clone(endpoint);
        self.backlog = true;
    }

    pub(in crate::delivery) fn is_open(&self) -> bool {
        self.endpoint.state == EndpointState::Active && self.endpoint.paused_at.is_none()
    }

    fn window(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
        let seconds = |rate: f64| (rate * WINDOW_SECONDS).ceil() as usize;
        let limiters = [&self.limiter, &self.overflow];
        limiters.into_iter().flatten().map(|limiter| seconds(limiter.rate())).min().unwrap_or(WINDOW).clamp(1, WINDOW)
    }

    /// How many more can be taken, of those never tried and of the others. The others leave half of the window to them.
    pub(in crate::delivery) fn room(&self, now: Timestamp) -> Room {
        if !self.is_open() || self.held_until(now).is_some() {
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

    /// Whether the database may hold something that can be sent now, while nothing waits here.
    pub(in crate::delivery) fn wants_more(&self, now: Timestamp) -> bool {
        self.backlog && self.queues.iter().all(VecDeque::is_empty) && self.room(now) != Room::default()
    }

    /// Takes a place for one that was never tried, if there is one.
    pub(in crate::delivery) fn reserve(&mut self, now: Timestamp) -> bool {
        let free = self.room(now).fresh > 0;
        self.backlog |= !free;
        self.held += usize::from(free);
        free
    }

    /// Takes places for those that were claimed.
    pub(in crate::delivery) const fn hold(&mut self, count: usize) {
        self.held += count;
    }

    /// Takes note of how much of the queue was found.
    pub(in crate::delivery) const fn note_backlog(&mut self, more: bool) {
        self.backlog = more;
    }

    /// Gives back a place; answers whether it is time to look for more in the database: whenever another quarter of the window has
    /// become free, and not at each place between.
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

    /// The next one to set out, counted as under way.
    pub(in crate::delivery) fn next(&mut self, now: Timestamp) -> NextSend {
        if self.under_way >= self.allowance.sends() as usize || self.queues.iter().all(VecDeque::is_empty) {
            return NextSend::None;
        }
        if let Some(until) = self.held_until(now) {
            return NextSend::At(until);
        }
        let is_probe = match self.breaker.admit(now) {
            Admission::Free => false,
            Admission::Probe => true,
            Admission::NotBefore(moment) => return NextSend::At(moment),
            Admission::AfterProbe => return NextSend::None,
        };
        // Both are asked before a token is taken of either.
        let limiters = || [&self.overflow, &self.limiter].into_iter().flatten();
        if let Some(moment) = limiters().filter_map(|limiter| limiter.not_before(now)).max() {
            return NextSend::At(moment);
        }
        let Some(claimed) = self.queues.iter_mut().find_map(VecDeque::pop_front) else { return NextSend::None };
        [&mut self.overflow, &mut self.limiter].into_iter().flatten().for_each(|limiter| limiter.take(now));
        if is_probe {
            self.breaker.probe();
        }
        self.under_way += 1;
        NextSend::Now { endpoint: Arc::clone(&self.endpoint), claimed }
    }

    /// Counts one as under way that did not wait for its turn.
    pub(in crate::delivery) const fn set_off(&mut self) {
        self.under_way += 1;
    }

    /// A send has ended. Answers when to look again, should the queue be closed for a while.
    pub(in crate::delivery) fn ended(&mut self, signal: EndpointSignal, now: Timestamp) -> Option<Timestamp> {
        self.under_way = self.under_way.saturating_sub(1);
        match signal {
            EndpointSignal::Works | EndpointSignal::Overflows => {
                self.breaker.succeeded();
                self.allowance.succeeded();
                self.note_overflow(signal == EndpointSignal::Overflows);
            }
            EndpointSignal::Refuses => self.breaker.succeeded(),
            EndpointSignal::Busy(wait) => {
                self.breaker.learnt_nothing(now);
                self.allowance.failed();
                let until = now + wait.unwrap_or(BREATHER).min(LONGEST_HOLD);
                self.hold_until = self.held_until(now).max(Some(until));
            }
            EndpointSignal::Fails => {
                self.allowance.failed();
                self.breaker.failed(now, random::fraction());
            }
            EndpointSignal::Unknown => self.breaker.learnt_nothing(now),
        }
        match self.breaker.admit(now) {
            Admission::NotBefore(moment) => Some(moment),
            _ => self.held_until(now),
        }
    }

    /// Until when the endpoint asked to be left alone. What lies further ahead than it may ask for was said before the clock was
    /// put back.
    fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.hold_until.filter(|until| *until > now && *until <= now + LONGEST_HOLD)
    }

    fn note_overflow(&mut self, overflows: bool) {
        if overflows != self.overflow.is_some() {
            self.overflow = overflows.then(|| Limiter::new(OVERFLOW_RATE));
        }
    }

    /// Whether nothing can be sent for a while, so that what waits here had better wait in the database.
    pub(in crate::delivery) fn is_shut(&self, now: Timestamp) -> bool {
        !self.is_open()
            || self.held_until(now).is_some()
            || matches!(self.breaker.admit(now), Admission::NotBefore(_) | Admission::AfterProbe)
    }

    /// What keeps everything from the endpoint now: of two, the one that lasts longer.
    pub(in crate::delivery) fn held_by(&self, now: Timestamp) -> Option<Held> {
        let throttled = self.held_until(now);
        match self.breaker.admit(now) {
            _ if !self.is_open() => None,
            Admission::AfterProbe => Some(Held { by: HeldBy::Breaker, until: None }),
            Admission::NotBefore(until) if throttled.is_none_or(|asked| asked < until) => {
                Some(Held { by: HeldBy::Breaker, until: Some(until) })
            }
            _ => throttled.map(|until| Held { by: HeldBy::Throttled, until: Some(until) }),
        }
    }

    /// Takes out all that waits here.
    pub(in crate::delivery) fn drain(&mut self) -> Vec<ClaimedDelivery> {
        self.backlog = true;
        self.queues.iter_mut().flat_map(std::mem::take).collect()
    }

    /// What waits here.
    pub(in crate::delivery) fn waiting(&mut self) -> impl Iterator<Item = &mut ClaimedDelivery> {
        self.queues.iter_mut().flatten()
    }

    /// Takes out some of what waits here. Their places are still held.
    pub(in crate::delivery) fn take_out(&mut self, which: impl Fn(&ClaimedDelivery) -> bool) -> Vec<ClaimedDelivery> {
        let mut taken = Vec::new();
        for queue in &mut self.queues {
            let (out, stay): (VecDeque<_>, VecDeque<_>) = std::mem::take(queue).into_iter().partition(&which);
            taken.extend(out);
            *queue = stay;
        }
        taken
    }
}
