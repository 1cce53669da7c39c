//! One send: checks that it is still wanted, renders and posts the message, and decides what follows for the delivery.

pub(super) mod attempt;
pub(super) mod chat_api;
mod message;
mod message_lock;
pub(super) mod outcome;
pub(super) mod retry;
mod short_form;
pub(super) mod test_send;
mod wanted;

use self::message::{Made, compose};
use self::message_lock::{LockedMessage, Locking};
use self::outcome::{Class, SendOutcome};
use self::retry::{Schedule, next_delay};
use self::short_form::{post, post_short};
use self::wanted::unwanted;
use super::egress::Control;
use crate::channels::RenderError;
use crate::delivery::context::SendContext;
use crate::delivery::metrics::Metrics;
use crate::delivery::record::TemplateVerdict;
use crate::delivery::scheduler::endpoint_queue::EndpointSignal;
use crate::random;
use crate::store::deliveries::{Attempt, DeliveryState};
use crate::store::endpoints::Endpoint;
use crate::store::queue::{ClaimedDelivery, Next, Settlement};
use crate::store::slack::messages::Unlock;
use crate::store::template_problems::TemplateProblem;
use crate::store::templates::StoredTemplate;
use crate::time::Timestamp;

/// Attempts not counted by the schedule after which a delivery is given up: about a week of them.
const MOST_UNCHARGED: u32 = 200;

/// A completed send.
pub(in crate::delivery) struct Sent {
    pub(in crate::delivery) signal: EndpointSignal,
    pub(in crate::delivery) settlement: Settlement,
    /// Why the endpoint must be switched off, if the target asked for it.
    pub(in crate::delivery) is_gone: Option<String>,
    /// The message lock to release.
    pub(in crate::delivery) unlock: Option<Unlock>,
    /// Whether the operator's templates worked, if there are any.
    pub(in crate::delivery) template: Option<TemplateVerdict>,
}

impl Sent {
    /// The result of a delivery for which nothing was sent.
    const fn untried(claimed: &ClaimedDelivery, next: Next) -> Self {
        let settlement = Settlement::untried(claimed, next);
        Self { signal: EndpointSignal::Unknown, settlement, is_gone: None, unlock: None, template: None }
    }
}

/// Sends one delivery, if it is still wanted.
pub(in crate::delivery) async fn send(
    context: &SendContext,
    metrics: &Metrics,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
) -> Sent {
    let (Ok(endpoints), Ok(templates)) =
        (context.store.lookup().endpoints().await, context.store.lookup().templates().await)
    else {
        // The database is unreachable. The delivery is claimed again when it is back.
        return Sent::untried(claimed, Next::GiveBack(context.clock.now()));
    };
    // The scheduler may not know the latest configuration yet.
    let endpoint = endpoints.iter().find(|known| known.id == endpoint.id).map_or(endpoint, |known| &**known);
    match unwanted(context, endpoint, claimed).await {
        Ok(None) => {}
        Ok(Some((state, reason))) => return Sent::untried(claimed, Next::End { state, reason: Some(reason) }),
        Err(_) => return Sent::untried(claimed, Next::GiveBack(context.clock.now())),
    }
    let lock = match message_lock::lock(context, endpoint, claimed).await {
        Locking::NotNeeded => None,
        Locking::Locked(lock) => Some(lock),
        Locking::Busy(key, until) => {
            let sent = Sent::untried(claimed, Next::Wait(until));
            return Sent { unlock: Some(Unlock::Missed(key)), ..sent };
        }
        Locking::Ended(next) => return Sent::untried(claimed, next),
    };
    let started_at = context.clock.now();
    let stopwatch = std::time::Instant::now();
    let (outcome, template) = make_and_post(context, &templates, endpoint, claimed, lock.as_ref(), started_at).await;
    let duration = stopwatch.elapsed();
    let duration_us = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    let number = claimed.attempts + 1;
    let waited = (claimed.attempts == 0).then(|| started_at.since(claimed.event.at));
    metrics.attempted(endpoint.channel, outcome.class, duration, waited);
    tracing::info!(
        delivery = %claimed.id, event = %claimed.event.kind, endpoint = %endpoint.name, attempt = number,
        class = outcome.class.as_str(), status = outcome.status, error = outcome.error,
        duration_us, trace = claimed.event.trace.as_ref().map(|trace| tracing::field::display(trace.id)), "attempt"
    );
    let settlement = Settlement {
        attempt: Some(Attempt {
            number,
            started_at,
            duration_us,
            class: outcome.class.as_str().to_owned(),
            status: outcome.status,
            error: outcome.error.clone(),
            answer: outcome.answer.clone(),
        }),
        charged: outcome.class.is_charged() || outcome.class == Class::Success,
        ..Settlement::untried(claimed, next(context, endpoint, claimed, &outcome))
    };
    let wants_no_more = outcome.class == Class::Gone || outcome.control == Some(Control::Disable);
    let is_gone = wants_no_more.then(|| outcome.error.clone()).flatten();
    let unlock = lock.and_then(|lock| lock.report(claimed, &outcome));
    Sent { signal: signal(&outcome), settlement, is_gone, unlock, template }
}

/// Renders the message and posts it. Also returns whether the operator's templates worked, if there are any.
async fn make_and_post(
    context: &SendContext,
    templates: &[StoredTemplate],
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    lock: Option<&LockedMessage>,
    now: Timestamp,
) -> (SendOutcome, Option<TemplateVerdict>) {
    let Made { message, templates } =
        match compose(context, templates, endpoint, claimed, lock.map(LockedMessage::destination)) {
            Ok(made) => made,
            Err(error) => return (SendOutcome::hub_fault(error.to_string()), None),
        };
    let verdict = templates.map(|made| {
        let problem = made.err().map(|error| problem(claimed, &error, now));
        TemplateVerdict { event: claimed.event.kind.clone(), problem }
    });
    let outcome = post(context, endpoint, claimed, lock, message, now).await;
    let outcome =
        if outcome.takes_short { post_short(context, endpoint, claimed, lock, outcome).await } else { outcome };
    (outcome, verdict)
}

fn problem(claimed: &ClaimedDelivery, error: &RenderError, at: Timestamp) -> TemplateProblem {
    TemplateProblem {
        event: claimed.event.kind.clone(),
        template: error.template().map(str::to_owned),
        line: error.line().and_then(|line| u32::try_from(line).ok()),
        detail: error.to_string(),
        at,
    }
}

fn next(context: &SendContext, endpoint: &Endpoint, claimed: &ClaimedDelivery, outcome: &SendOutcome) -> Next {
    if let Some(state) = outcome.end {
        return Next::End { state, reason: outcome.error.clone() };
    }
    let failed = |reason: Option<String>| Next::End { state: DeliveryState::Failed, reason };
    if !outcome.class.is_retried() {
        return failed(outcome.error.clone());
    }
    let charged = outcome.class.is_charged();
    // Lost attempts are not known to have failed, so a killed hub does not lengthen the back-off.
    let uncounted = claimed.attempts_before.saturating_add(claimed.uncharged).saturating_add(claimed.lost);
    let made = claimed.attempts.saturating_sub(uncounted) + u32::from(charged);
    let schedule = Schedule::of(endpoint, &context.schedule);
    let retry_after = outcome.retry_after;
    let delay = if charged {
        next_delay(&schedule, made, retry_after, random::fraction())
    } else if claimed.uncharged < MOST_UNCHARGED {
        // The same back-off by the number of uncharged attempts, without a last one.
        schedule.delay_of_fault(claimed.uncharged + 1, random::fraction())
    } else {
        None
    };
    match delay {
        Some(delay) => Next::Retry(context.clock.now() + delay),
        None => failed(Some(format!("given up after {} attempts", claimed.attempts + 1))),
    }
}

fn signal(outcome: &SendOutcome) -> EndpointSignal {
    match outcome.class {
        Class::Success if outcome.overflows => EndpointSignal::Overflows,
        Class::Success => EndpointSignal::Works,
        Class::Permanent | Class::Gone => EndpointSignal::Refuses,
        Class::Throttled if outcome.status == Some(429) || outcome.retry_after.is_some() => {
            EndpointSignal::Busy(outcome.retry_after)
        }
        Class::Throttled | Class::Transient | Class::Tls => EndpointSignal::Fails,
        Class::Forbidden | Class::Resolve | Class::Proxy | Class::Credentials | Class::Setup | Class::Exhausted => {
            EndpointSignal::Unknown
        }
    }
}
