//! The short form of a message, sent when the target refused the form of the full one.
//!
//! The target refused the whole message, so a second call within the same attempt shows nothing twice. No state is
//! needed: a later attempt (after a crash, or when the short form failed too) is refused again, and falls back again.
//! The second call is made only if the delivery's lease lasts for it, since another process could send at the same
//! time. Otherwise the next attempt, which has a new lease, makes both calls.

use super::attempt::attempt;
use super::message::compose_short;
use super::message_lock::LockedMessage;
use super::outcome::{Class, SendOutcome};
use crate::delivery::context::SendContext;
use crate::delivery::egress::Composed;
use crate::store::endpoints::Endpoint;
use crate::store::queue::ClaimedDelivery;
use crate::time::Timestamp;

/// Sends a message, under its message lock if it needs one.
pub(in crate::delivery) async fn post(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    lock: Option<&LockedMessage>,
    message: Composed,
    now: Timestamp,
) -> SendOutcome {
    match lock {
        Some(lock) => lock.attempt(context, endpoint, claimed, message, now).await,
        None => attempt(&context.egress, endpoint, claimed, message, now).await,
    }
}

/// Sends the short form of a refused message.
pub(in crate::delivery) async fn post_short(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    lock: Option<&LockedMessage>,
    refused: SendOutcome,
) -> SendOutcome {
    let why = refused.error.clone().unwrap_or_default();
    let now = context.clock.now();
    if claimed.lease_until < now + context.needed() {
        let error = format!("{why}; the lease was too short to send the short form");
        return SendOutcome { class: Class::Transient, error: Some(error), ..refused };
    }
    let message = match compose_short(context, endpoint, claimed, lock.map(LockedMessage::destination)) {
        Ok(message) => message,
        Err(error) => {
            return SendOutcome {
                error: Some(format!("{why}; the short form cannot be rendered: {error}")),
                ..refused
            };
        }
    };
    tracing::warn!(delivery = %claimed.id, endpoint = %endpoint.name, error = why, "sending the short form");
    let outcome = post(context, endpoint, claimed, lock, message, now).await;
    let error = match &outcome.error {
        None => format!("sent in short form, because the target refused the full form: {why}"),
        Some(error) => format!("{error}; the short form was sent because the target refused the full form: {why}"),
    };
    SendOutcome { error: Some(error), takes_short: false, ..outcome }
}
