//! Whether a delivery is still to be sent, judged at the moment of setting out: it may have waited in memory for long.

use std::time::Duration;

use super::message::revision_of;
use crate::approval::Status;
use crate::delivery::context::SendContext;
use crate::store::StoreError;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::events::{ASKING, PING};
use crate::store::queue::{self, ClaimedDelivery, RequestNow, Tier};
use crate::time::Timestamp;

/// How long what is known of a request is good enough for asking people about it. Whatever sets out sooner, as nearly everything
/// does, costs no look at the database.
const CURRENT: Duration = Duration::from_secs(1);

/// Why this delivery is not to be sent any more: the state it ends in, and the reason.
///
/// # Errors
/// When the request has to be read again and the database fails.
pub(in crate::delivery) async fn unwanted(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
) -> Result<Option<(DeliveryState, String)>, StoreError> {
    let event = &claimed.event;
    if endpoint.state != EndpointState::Active && event.kind != PING {
        return Ok(Some((DeliveryState::Discarded, "the endpoint is switched off".to_owned())));
    }
    // Whoever could not be reached in time is not asked late for what is decided by now: the outcome follows in a message of
    // its own. But what somebody wants to be sent again is sent.
    if claimed.tier == Tier::Replay || !ASKING.contains(&event.kind.as_str()) {
        return Ok(None);
    }
    let now = context.clock.now();
    let request = match event.request_id {
        Some(id) if !is_current(claimed.seen_at, now) => {
            queue::request_now(&mut context.store.read().await?, id).await?
        }
        _ => claimed.now,
    };
    Ok(request.and_then(|request| too_late(&event.subject, request, now)))
}

/// Also not when it was seen in the future: the clock was put back, and nobody knows how long ago that was.
fn is_current(seen_at: Timestamp, now: Timestamp) -> bool {
    seen_at <= now && now.since(seen_at) <= CURRENT
}

/// Why nobody is to be asked any more for what `subject`, the request as the event tells it, asks for.
fn too_late(subject: &str, request: RequestNow, now: Timestamp) -> Option<(DeliveryState, String)> {
    match request.status {
        Status::Expired => Some((DeliveryState::Expired, "the request expired meanwhile".to_owned())),
        // The timer has not come by yet.
        Status::Pending if request.expires_at <= now => {
            Some((DeliveryState::Expired, "the request expired meanwhile".to_owned()))
        }
        Status::Pending => {
            let is_stale = revision_of(subject).is_ok_and(|told| told < request.revision);
            is_stale.then(|| (DeliveryState::Superseded, "the request was changed meanwhile".to_owned()))
        }
        status => Some((DeliveryState::Superseded, format!("the request was {} meanwhile", status.as_str()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(10_000_000);

    #[test]
    fn what_was_seen_a_moment_ago_is_current() {
        assert!(is_current(NOW, NOW) && is_current(NOW - CURRENT, NOW));
        assert!(!is_current(NOW - CURRENT - Duration::from_micros(1), NOW));
        assert!(!is_current(NOW + Duration::from_micros(1), NOW), "a clock that was put back says nothing");
    }

    #[test]
    fn who_is_asked_can_still_decide() {
        let request = |status, revision, expires_at| RequestNow { status, revision, expires_at };
        let end = |request| too_late(r#"{"revision": 2}"#, request, NOW).map(|(state, _)| state);
        let later = NOW + Duration::from_micros(1);
        assert_eq!(end(request(Status::Pending, 2, later)), None);
        assert_eq!(end(request(Status::Pending, 3, later)), Some(DeliveryState::Superseded));
        assert_eq!(end(request(Status::Rejected, 2, later)), Some(DeliveryState::Superseded));
        assert_eq!(end(request(Status::Pending, 2, NOW)), Some(DeliveryState::Expired), "half-open: it is too late");
        assert_eq!(end(request(Status::Expired, 2, NOW)), Some(DeliveryState::Expired));
    }
}
