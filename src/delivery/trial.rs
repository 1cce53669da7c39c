//! A message that is sent to see whether an endpoint can be reached: made, signed and judged as every other, but no delivery. Nothing
//! of it is kept, and it says nothing about the endpoint's health.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::TargetPolicy;
use super::attempt::attempt;
use super::compose::compose;
use super::dispatcher::Dispatcher;
use super::egress::{Egress, EgressError};
use super::outcome::Outcome;
use super::turn::Turn;
use crate::ids::DeliveryId;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::events::Event;
use crate::store::queue::Claimed;
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
        // As if it were queued: what is made and signed takes no other form.
        let claimed = Claimed::fresh(DeliveryId::mint(now), endpoint.id, Arc::new(event), now, now);
        let started = std::time::Instant::now();
        let turn = Turn::at_trial(endpoint);
        let said = compose(&claimed, endpoint, turn.as_ref(), &parts.channels, &parts.keys, &parts.public_url);
        let (outcome, posted) = match said {
            Ok(said) => {
                let posted = posted(&parts.egress, endpoint, &claimed, &said.body, now).ok();
                (attempt(&parts.egress, endpoint, &claimed, said, now).await, posted)
            }
            Err(error) => (Outcome::ours(error.to_string()), None),
        };
        Trial {
            delivered: matches!(outcome.end, Some(DeliveryState::Delivered | DeliveryState::Accepted)),
            class: outcome.class.as_str(),
            error: outcome.error,
            request: posted,
            answer: outcome.status.map(|status| Answered { status, body: outcome.answer }),
            duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// The message as it is sent: made from the same, its signature is the same.
fn posted(
    egress: &Egress,
    endpoint: &Endpoint,
    claimed: &Claimed,
    body: &str,
    now: Timestamp,
) -> Result<Posted, EgressError> {
    let made = egress.line(endpoint)?.route.signed(&claimed.event.id.to_string(), now, body)?;
    let shown = |(name, value): (&HeaderName, &HeaderValue)| {
        let is_own = endpoint.transport.headers.contains_key(name.as_str());
        let hidden = is_own || value.is_sensitive();
        let text = if hidden { MASK.to_owned() } else { String::from_utf8_lossy(value.as_bytes()).into_owned() };
        (name.to_string(), text)
    };
    let mut headers: BTreeMap<String, String> = made.iter().map(shown).collect();
    if endpoint.transport.auth.is_some() {
        // A token may be fetched only when the message is sent.
        headers.insert(AUTHORIZATION.to_string(), MASK.to_owned());
    }
    let url = TargetPolicy::masked(endpoint.url.expose_secret());
    Ok(Posted { method: "POST", url, headers, body: body.to_owned() })
}
