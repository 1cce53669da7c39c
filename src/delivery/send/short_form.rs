//! A message that its target refused for its form, sent once more in short.
//!
//! The target refused all of it, so nothing of it stands there, and a second call within the same attempt shows it no second time. Nothing
//! has to be remembered for that: an attempt that comes later, after a crash or when the short form could not be sent either, is
//! refused again and goes on in short again. The second call is made only while the delivery's lease lasts for it, or another process
//! might send at the same time; otherwise the next attempt, with a lease of its own, makes both.

use super::attempt::attempt;
use super::message::compose_short;
use super::message_lock::LockedMessage;
use super::outcome::{Class, Outcome};
use crate::delivery::context::SendContext;
use crate::delivery::egress::Composed;
use crate::store::endpoints::Endpoint;
use crate::store::queue::ClaimedDelivery;
use crate::time::Timestamp;

/// Sends a message, through its lock where there is one.
pub(in crate::delivery) async fn post(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    lock: Option<&LockedMessage>,
    said: Composed,
    now: Timestamp,
) -> Outcome {
    match lock {
        Some(lock) => lock.attempt(context, endpoint, claimed, said, now).await,
        None => attempt(&context.egress, endpoint, claimed, said, now).await,
    }
}

/// Sends in short form what was refused.
pub(in crate::delivery) async fn post_short(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    lock: Option<&LockedMessage>,
    refused: Outcome,
) -> Outcome {
    let why = refused.error.clone().unwrap_or_default();
    let now = context.clock.now();
    if claimed.lease_until < now + context.needed() {
        let error = format!("{why}; there was no time left to send it in short form");
        return Outcome { class: Class::Transient, error: Some(error), ..refused };
    }
    let said = match compose_short(context, endpoint, claimed, lock.map(LockedMessage::destination)) {
        Ok(said) => said,
        Err(error) => return Outcome { error: Some(format!("{why}; and no short form: {error}")), ..refused },
    };
    tracing::warn!(delivery = %claimed.id, endpoint = %endpoint.name, error = why, "sent once more in short form");
    let outcome = post(context, endpoint, claimed, lock, said, now).await;
    let error = match &outcome.error {
        None => format!("taken in short form alone: {why}"),
        Some(error) => format!("{error}; it was sent in short form because of {why}"),
    };
    Outcome { error: Some(error), takes_short: false, ..outcome }
}
