//! A message that is sent to see whether an endpoint can be reached: made, signed and judged as every other, but no delivery. Nothing
//! of it is kept, and it says nothing about the endpoint's health.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, CONTENT_LOCATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::attempt::{deliver, judge, redacted};
use super::message::{Made, compose};
use super::message_lock::LockedMessage;
use super::outcome::Outcome;
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

/// What stands in a secret's place.
const MASK: &str = "…";
/// Headers of an answer that are shown.
const HEADERS: usize = 50;
/// Bytes that are shown of the name, and of the value, of each.
const HEADER: usize = 256;
/// What stands in names of headers whose values may be secrets.
const TELLTALES: [&str; 9] =
    ["auth", "cookie", "credential", "key", "password", "secret", "session", "signature", "token"];

/// How it went.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Whether the target took it.
    pub delivered: bool,
    /// How an attempt like this is judged.
    pub class: &'static str,
    /// What went wrong, when something did.
    pub error: Option<String>,
    /// What is wrong with the operator's template, when the message was made without it.
    pub template_problem: Option<String>,
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
    /// Its headers, with whatever may be a secret masked.
    pub headers: BTreeMap<String, String>,
    /// Its beginning, without what may be a secret.
    pub body: Option<String>,
}

impl SendContext {
    /// Sends an event to an endpoint at once, whatever state that is in, and waits for the answer, no longer than any attempt may take.
    pub async fn try_out(&self, endpoint: &Endpoint, event: Event) -> Trial {
        let context = self;
        let now = context.clock.now();
        // As if it were queued: what is made and signed takes no other form.
        let claimed = ClaimedDelivery::fresh(DeliveryId::mint(now), endpoint.id, Arc::new(event), now, now);
        let mut template_problem = None;
        let started = std::time::Instant::now();
        let lock = LockedMessage::at_trial(endpoint);
        let stored = context.store.lookup().templates().await.unwrap_or_default();
        let made = compose(context, &stored, endpoint, &claimed, lock.as_ref().map(LockedMessage::destination));
        let (outcome, posted, headers) = match made {
            Ok(Made { said, templates }) => {
                template_problem = templates.and_then(Result::err).map(|problem| problem.to_string());
                let posted = posted(&context.egress, endpoint, &claimed, &said.body, now).ok();
                let answered = deliver(&context.egress, endpoint, &claimed, said, now).await;
                let headers = answered.as_ref().map(|answer| shown(endpoint, &answer.headers)).unwrap_or_default();
                (judge(endpoint, answered), posted, headers)
            }
            Err(error) => (Outcome::ours(error.to_string()), None, BTreeMap::new()),
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

/// The message as it is sent: made from the same, its signature is the same.
fn posted(
    egress: &Egress,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    body: &str,
    now: Timestamp,
) -> Result<Posted, EgressError> {
    let line = egress.line(endpoint)?;
    let mut sent = added(&line.route.url, body);
    sent.extend(line.route.signed(&claimed.event.id.to_string(), now, body)?);
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

/// The headers of an answer, as far as they are fit to be shown: of those that came more than once, the values in a row.
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
    // An answer of 401 says there what it wants, and no secret.
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
