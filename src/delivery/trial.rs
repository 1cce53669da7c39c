//! A message that is sent to see whether an endpoint can be reached: made, signed and judged as every other, but no delivery. Nothing
//! of it is kept, and it says nothing about the endpoint's health.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::Serialize;

use super::TargetPolicy;
use super::attempt::{Outcome, attempt};
use super::compose::compose;
use super::dispatcher::Dispatcher;
use super::signature::sign;
use crate::ids::{DeliveryId, EventId};
use crate::store::endpoints::Endpoint;
use crate::store::events::Event;
use crate::store::queue::{Claimed, Tier};
use crate::time::Timestamp;

/// What stands in a secret's place.
const MASK: &str = "…";

/// How it went.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Whether the target took it.
    pub delivered: bool,
    /// How an attempt like this is judged.
    pub class: &'static str,
    /// What went wrong, when something did.
    pub error: Option<String>,
    /// What was sent; none when it could not even be made.
    pub request: Option<Posted>,
    /// What came back, when something did.
    pub answer: Option<Answered>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// What was sent.
#[derive(Debug, Clone, Serialize)]
pub struct Posted {
    /// Always the same.
    pub method: &'static str,
    /// Where, masked.
    pub url: String,
    /// The headers, with whatever may be a secret masked.
    pub headers: BTreeMap<String, String>,
    /// To the byte, as it was signed.
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// Its beginning, without what may be a secret.
    pub body: Option<String>,
}

impl Dispatcher {
    /// Sends an event to an endpoint at once, whatever state that is in, and waits for the answer, no longer than any attempt may take.
    pub async fn try_out(&self, endpoint: &Endpoint, event: Event) -> Trial {
        let parts = &self.parts;
        let now = parts.clock.now();
        let claimed = unqueued(endpoint, event, now);
        let started = std::time::Instant::now();
        let (outcome, posted) = match compose(&claimed, endpoint, &parts.channels, &parts.keys, &parts.public_url) {
            Ok(body) => {
                let posted = posted(endpoint, claimed.event.id, &body, now);
                (attempt(&parts.egress, endpoint, &claimed, body, now).await, Some(posted))
            }
            Err(error) => (Outcome::ours(error.to_string()), None),
        };
        Trial {
            delivered: outcome.end.is_some(),
            class: outcome.class.as_str(),
            error: outcome.error,
            request: posted,
            answer: outcome.status.map(|status| Answered { status, body: outcome.answer }),
            duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// As if it had been claimed: what is made and signed takes no other form.
fn unqueued(endpoint: &Endpoint, event: Event, now: Timestamp) -> Claimed {
    Claimed {
        id: DeliveryId::mint(now),
        endpoint_id: endpoint.id,
        fence: 0,
        lease_until: now,
        tier: Tier::Fresh,
        attempts: 0,
        uncharged: 0,
        lost: 0,
        created_at: now,
        event: Arc::new(event),
        now: None,
    }
}

fn posted(endpoint: &Endpoint, id: EventId, body: &str, now: Timestamp) -> Posted {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    headers.extend(endpoint.transport.headers.keys().map(|name| (name.clone(), MASK.to_owned())));
    if endpoint.transport.auth.is_some() {
        headers.insert("authorization".to_owned(), MASK.to_owned());
    }
    let id = id.to_string();
    if let Some(signature) = endpoint.secret.as_ref().and_then(|secret| sign(secret, &id, now, body).ok()) {
        headers.insert("webhook-id".to_owned(), id);
        headers.insert("webhook-timestamp".to_owned(), now.as_seconds().to_string());
        headers.insert("webhook-signature".to_owned(), signature);
    }
    let url = TargetPolicy::masked(endpoint.url.expose_secret());
    Posted { method: "POST", url, headers, body: body.to_owned() }
}
