//! Test sends, which show whether an endpoint can be reached. The message is rendered, signed and classified like any
//! other, but it is no delivery: nothing is stored, and the endpoint's health is unaffected.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, CONTENT_LOCATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::attempt::{deliver, judge, redacted};
use super::message::{Made, compose};
use super::message_lock::LockedMessage;
use super::outcome::SendOutcome;
use crate::channels::text::cut;
use crate::delivery::TargetPolicy;
use crate::delivery::context::SendContext;
use crate::delivery::egress::{Egress, EgressError, added};
use crate::ids::DeliveryId;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::events::Event;
use crate::store::queue::ClaimedDelivery;
use crate::time::Timestamp;

/// Replacement of a secret.
const MASK: &str = "…";
/// Headers of an answer that are shown.
const HEADERS: usize = 50;
/// Limit of the bytes that are shown of a header's name, and of its value.
const HEADER: usize = 256;
/// Parts of the names of headers whose values may be secrets.
const TELLTALES: [&str; 9] =
    ["auth", "cookie", "credential", "key", "password", "secret", "session", "signature", "token"];

/// The result of a test send.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    pub delivered: bool,
    /// The [`Class`](super::outcome::Class) of the result.
    pub class: &'static str,
    pub error: Option<String>,
    /// Error in the operator's template. The built-in template was used instead.
    pub template_problem: Option<String>,
    /// None when the message could not be rendered.
    pub request: Option<Posted>,
    pub answer: Option<Answered>,
    pub duration_us: u64,
}

/// The HTTP request of a test send.
#[derive(Debug, Clone, Serialize)]
pub struct Posted {
    /// Always `POST`.
    pub method: &'static str,
    /// Masked.
    pub url: String,
    /// With possible secrets masked.
    pub headers: BTreeMap<String, String>,
    /// The exact bytes that were signed.
    pub body: String,
}

/// The HTTP response to a test send.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    pub status: u16,
    /// With possible secrets masked.
    pub headers: BTreeMap<String, String>,
    /// Its beginning, with possible secrets masked.
    pub body: Option<String>,
}

impl SendContext {
    /// Sends an event to an endpoint at once, in any state of it, and waits for the answer within the deadline of an
    /// attempt.
    pub async fn try_out(&self, endpoint: &Endpoint, event: Event) -> Trial {
        let context = self;
        let now = context.clock.now();
        // A delivery in memory alone, so that rendering and signing are the same as for stored ones.
        let claimed = ClaimedDelivery::fresh(DeliveryId::mint(now), endpoint.id, Arc::new(event), now, now);
        let mut template_problem = None;
        let started = std::time::Instant::now();
        let lock = LockedMessage::at_trial(endpoint);
        let stored = context.store.lookup().templates().await.unwrap_or_default();
        let made = compose(context, &stored, endpoint, &claimed, lock.as_ref().map(LockedMessage::destination));
        let (outcome, posted, headers) = match made {
            Ok(Made { message, templates }) => {
                template_problem = templates.and_then(Result::err).map(|problem| problem.to_string());
                let posted = posted(&context.egress, endpoint, &claimed, &message.body, now).ok();
                let answered = deliver(&context.egress, endpoint, &claimed, message, now).await;
                let headers = answered.as_ref().map(|answer| shown(endpoint, &answer.headers)).unwrap_or_default();
                (judge(endpoint, answered), posted, headers)
            }
            Err(error) => (SendOutcome::hub_fault(error.to_string()), None, BTreeMap::new()),
        };
        Trial {
            delivered: matches!(outcome.end, Some(DeliveryState::Delivered | DeliveryState::Accepted)),
            class: outcome.class.as_str(),
            error: outcome.error,
            template_problem,
            request: posted,
            answer: outcome.status.map(|status| Answered { status, headers, body: outcome.answer }),
            duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// The HTTP request as it is sent. It has the same inputs, and so the same signature.
fn posted(
    egress: &Egress,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    body: &str,
    now: Timestamp,
) -> Result<Posted, EgressError> {
    let prepared = egress.prepare(endpoint)?;
    let mut sent = added(&prepared.route.url, body);
    sent.extend(prepared.route.signed(&claimed.event.id.to_string(), now, body)?);
    let shown = |(name, value): (&HeaderName, &HeaderValue)| {
        let is_own = endpoint.transport.headers.contains_key(name.as_str());
        let hidden = is_own || value.is_sensitive();
        (name.to_string(), if hidden { MASK.to_owned() } else { text(value) })
    };
    let mut headers: BTreeMap<String, String> = sent.iter().map(shown).collect();
    if endpoint.transport.auth.is_some() {
        // A token may be fetched only when the message is sent.
        headers.insert(AUTHORIZATION.to_string(), MASK.to_owned());
    }
    let url = TargetPolicy::masked(endpoint.url.expose_secret());
    Ok(Posted { method: "POST", url, headers, body: body.to_owned() })
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The headers of an answer, with possible secrets masked. The values of a repeated header are joined by commas.
fn shown(endpoint: &Endpoint, headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().len() <= HEADER).take(HEADERS) {
        let value = shown_value(endpoint, name, &text(value));
        shown
            .entry(name.to_string())
            .and_modify(|earlier| {
                earlier.push_str(", ");
                earlier.push_str(&value);
            })
            .or_insert(value.clone());
    }
    shown
}

fn shown_value(endpoint: &Endpoint, name: &HeaderName, value: &str) -> String {
    // The challenge of a 401 describes the required authentication, and contains no secret.
    let is_challenge = name == reqwest::header::WWW_AUTHENTICATE;
    let is_telltale = !is_challenge && TELLTALES.iter().any(|part| name.as_str().contains(part));
    if is_telltale || endpoint.transport.headers.contains_key(name.as_str()) {
        return MASK.to_owned();
    }
    let value = if [LOCATION, CONTENT_LOCATION].contains(name) {
        TargetPolicy::masked(value)
    } else {
        redacted(endpoint, value)
    };
    match cut(&value, HEADER) {
        (whole, 0) => whole.to_owned(),
        (begin, _) => format!("{begin}{MASK}"),
    }
}
