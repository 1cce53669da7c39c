//! Whether a delivery is still wanted, checked when its send starts: it may have waited in memory for long.

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

/// How long a request's state, once read, may be used without reading it again. Nearly all sends start sooner, and so
/// need no query.
const CURRENT: Duration = Duration::from_secs(1);

/// Returns the final state and the reason of a delivery that is no longer wanted, or `None`.
///
/// # Errors
/// When the request must be read again and the database fails.
pub(in crate::delivery) async fn unwanted(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
) -> Result<Option<(DeliveryState, String)>, StoreError> {
    let event = &claimed.event;
    if endpoint.state != EndpointState::Active && event.kind != PING {
        return Ok(Some((DeliveryState::Discarded, "the endpoint is switched off".to_owned())));
    }
    // People who could not be notified in time are not asked for a decision that has been made: its own event follows.
    // A replay is sent regardless, since a person asked for it.
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

/// Whether what was read at `seen_at` may still be used. Not if that is in the future: the clock was set back, by an
/// unknown time.
fn is_current(seen_at: Timestamp, now: Timestamp) -> bool {
    seen_at <= now && now.since(seen_at) <= CURRENT
}

/// Why the decision that `subject` (the request in the event) asks for is no longer needed.
fn too_late(subject: &str, request: RequestNow, now: Timestamp) -> Option<(DeliveryState, String)> {
    match request.status {
        Status::Expired => Some((DeliveryState::Expired, "the request expired meanwhile".to_owned())),
        // The timer has not ended it yet.
        Status::Pending if request.expires_at <= now => {
            Some((DeliveryState::Expired, "the request expired meanwhile".to_owned()))
        }
        Status::Pending => {
            let is_stale = revision_of(subject).is_ok_and(|shown| shown < request.revision);
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
    fn a_state_read_just_now_is_current() {
        assert!(is_current(NOW, NOW) && is_current(NOW - CURRENT, NOW));
        assert!(!is_current(NOW - CURRENT - Duration::from_micros(1), NOW));
        assert!(!is_current(NOW + Duration::from_micros(1), NOW), "the clock was set back");
    }

    #[test]
    fn a_decision_is_asked_for_only_while_it_can_be_made() {
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
