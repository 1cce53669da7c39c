//! One attempt: sends a message, and classifies the answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use url::Url;

use super::outcome::{Class, SendOutcome};
use crate::channels::text::cut;
use crate::channels::{Declaration, Meaning};
use crate::delivery::egress::{Answer, Composed, Control, Egress, EgressError};
use crate::delivery::target::TargetPolicy;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::queue::ClaimedDelivery;
use crate::store::transport::Auth;
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Bytes of an answer that are stored with the attempt.
const KEPT: usize = 1_024;
/// Shorter values are not redacted: they are no secrets, and occur in any text.
const LEAST_SECRET: usize = 4;

/// The answer of a target, or why there is none.
pub(in crate::delivery) type PostResult = Result<Answer, EgressError>;

/// Sends the message of one delivery.
pub(in crate::delivery) async fn attempt(
    egress: &Egress,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    message: Composed,
    now: Timestamp,
) -> SendOutcome {
    judge(endpoint, deliver(egress, endpoint, claimed, message, now).await)
}

/// Sends the message of one delivery, and returns the unclassified answer.
pub(in crate::delivery) async fn deliver(
    egress: &Egress,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
    message: Composed,
    now: Timestamp,
) -> PostResult {
    // The event's id is the same in all attempts, so that receivers can recognise repeats.
    let id = claimed.event.id.to_string();
    post(egress, endpoint, &id, message, claimed.event.trace.as_ref(), now).await
}

/// Sends one body under an id by which the target can recognise repeats.
pub async fn send(egress: &Egress, endpoint: &Endpoint, id: &str, body: String, now: Timestamp) -> SendOutcome {
    judge(endpoint, post(egress, endpoint, id, Composed { method: None, body }, None, now).await)
}

/// Calls one method of the target's API.
pub(in crate::delivery) async fn call(
    egress: &Egress,
    endpoint: &Endpoint,
    method: &'static str,
    body: String,
    now: Timestamp,
) -> SendOutcome {
    judge(endpoint, post(egress, endpoint, "", Composed { method: Some(method), body }, None, now).await)
}

async fn post(
    egress: &Egress,
    endpoint: &Endpoint,
    id: &str,
    message: Composed,
    trace: Option<&TraceContext>,
    now: Timestamp,
) -> PostResult {
    let prepared = egress.prepare(endpoint)?;
    let mut headers = prepared.route.signed(id, now, &message.body)?;
    // A trace header that the endpoint configures has precedence, and the two are not mixed.
    if let Some(trace) = trace.filter(|_| !headers.contains_key("traceparent")) {
        let fields = [("traceparent", Some(trace.parent())), ("tracestate", trace.state().map(str::to_owned))];
        for (name, value) in fields {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.entry(name).or_insert(value);
            }
        }
    }
    egress.post(&prepared, headers, message, now).await
}

/// Classifies the answer of a target.
pub(in crate::delivery) fn judge(endpoint: &Endpoint, answered: PostResult) -> SendOutcome {
    let answer = match answered {
        Ok(answer) => answer,
        Err(error) => return SendOutcome::unanswered(class_of(&error), error.to_string()),
    };
    let control = answer.control.filter(|_| endpoint.transport.answer_control);
    let outcome = judge_status(endpoint, answer);
    match control {
        None => outcome,
        Some(control @ Control::AbortMessage) => SendOutcome {
            class: if outcome.class == Class::Success { Class::Success } else { Class::Permanent },
            end: Some(DeliveryState::Discarded),
            control: Some(control),
            error: Some("the target asked not to be sent this again (webhook-delivery: abort-message)".to_owned()),
            ..outcome
        },
        Some(control @ Control::Disable) => SendOutcome {
            class: if outcome.class == Class::Success { Class::Success } else { Class::Gone },
            control: Some(control),
            error: Some("the target asked to be sent nothing more (webhook-delivery: disable)".to_owned()),
            ..outcome
        },
    }
}

fn judge_status(endpoint: &Endpoint, answer: Answer) -> SendOutcome {
    let declaration = Declaration::of(endpoint.channel);
    let is_page = declaration.is_chat() && answer.is_web_page();
    let wait = declaration.wait_header.and_then(|name| answer.wait(name));
    let Answer { status, retry_after, location, control: _, headers: _, body, overflows } = answer;
    let outcome = |class, end, error| SendOutcome {
        class,
        end,
        control: None,
        status: Some(status),
        error,
        // PostgreSQL does not store NUL in text.
        answer: (!body.is_empty()).then(|| cut(&redacted(endpoint, &body), KEPT).0.replace('\0', "\u{fffd}")),
        retry_after: retry_after.map(|standard| wait.unwrap_or(standard)),
        overflows,
        receipt: declaration.receipt.and_then(|read| read(&body)),
        takes_short: declaration.short.is_some_and(|short| (short.is_wanted)(&body)),
    };
    if is_page && (200..300).contains(&status) {
        let text = "the target answered with a web page, which chat services do not: check the URL, and whether a proxy or a login page is in between";
        return outcome(Class::Transient, None, Some(text.to_owned()));
    }
    if let Some(meaning) = declaration.meaning(status, &body) {
        let clean = |text: String| Some(redacted(endpoint, &text).replace('\0', "\u{fffd}"));
        return match meaning {
            Meaning::Delivered => outcome(Class::Success, Some(DeliveryState::Delivered), None),
            Meaning::Accepted => outcome(Class::Success, Some(DeliveryState::Accepted), None),
            Meaning::FalseSuccess(text) => outcome(
                Class::Transient,
                None,
                clean(format!("the target answered success, but its answer says: {text}")),
            ),
            Meaning::Refused(text) => outcome(Class::Permanent, None, clean(text)),
            Meaning::Gone(text) => outcome(Class::Gone, None, clean(text)),
            Meaning::Throttled(text) => outcome(Class::Throttled, None, clean(text)),
            Meaning::BadCredentials(text) => outcome(Class::Credentials, None, clean(text)),
            Meaning::Malformed(text) => outcome(Class::Setup, None, clean(text)),
        };
    }
    match status {
        200..=299 => outcome(Class::Success, Some(DeliveryState::Delivered), None),
        300..=399 => {
            let target = location.as_deref().map_or_else(|| "no URL".to_owned(), TargetPolicy::masked);
            outcome(Class::Permanent, None, Some(format!("redirects are not followed: it points to {target}")))
        }
        410 => outcome(Class::Gone, None, Some("the target says that it no longer exists (410)".to_owned())),
        429 | 503 => outcome(Class::Throttled, None, Some(format!("the target is busy ({status})"))),
        400 | 401 | 403 | 404 | 405 | 413 | 415 | 422 => {
            outcome(Class::Permanent, None, Some(format!("the target refuses this ({status})")))
        }
        _ => outcome(Class::Transient, None, Some(format!("the target answered {status}"))),
    }
}

/// Returns the answer without secrets: those that the hub sent and the target echoes, and all long codes.
pub(in crate::delivery) fn redacted(endpoint: &Endpoint, answer: &str) -> String {
    let mut text = answer.to_owned();
    for secret in secrets(endpoint).iter().filter(|secret| secret.len() >= LEAST_SECRET) {
        text = text.replace(secret.as_str(), "[hidden]");
    }
    // Fetched tokens and signatures are not in that list, but follow one of these marks.
    for mark in ["Bearer ", "Basic ", "v1,"] {
        let mut parts = text.split(mark);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let is_code = |c: char| c.is_ascii_alphanumeric() || "_-+=/.~%".contains(c);
            let rest = part.trim_start_matches(is_code);
            kept.push_str(mark);
            kept.push_str(if rest.len() < part.len() { "[hidden]" } else { "" });
            kept.push_str(rest);
        }
        text = kept;
    }
    without_codes(&text)
}

/// The secrets that are sent to the target, or on its behalf.
fn secrets(endpoint: &Endpoint) -> Vec<String> {
    let transport = &endpoint.transport;
    let mut secrets: Vec<String> = transport.headers.values().map(|value| value.expose().to_owned()).collect();
    match &transport.auth {
        Some(Auth::Basic { username, password }) => {
            secrets.push(STANDARD.encode(format!("{username}:{}", password.expose())));
            secrets.push(password.expose().to_owned());
        }
        Some(Auth::Bearer { token }) => secrets.push(token.expose().to_owned()),
        Some(Auth::Oauth2 { client_secret, .. }) => secrets.push(client_secret.expose().to_owned()),
        None => {}
    }
    if let Some(app) = &transport.slack {
        secrets.extend([&app.bot_token, &app.signing_secret].map(|secret| secret.expose().to_owned()));
    }
    // The path and query of a chat webhook's URL are a secret.
    if let Ok(url) = Url::parse(endpoint.url.expose_secret()) {
        secrets.push(url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())));
    }
    secrets
}

/// Hides long codes: a target may echo the message, and readers of the delivery log must not find live links,
/// signatures or tokens there. All of these are long runs of these characters, also after another encoding.
fn without_codes(answer: &str) -> String {
    const SECRET: usize = 40;
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '%');
    let mut kept = String::with_capacity(answer.len());
    let mut rest = answer;
    while let Some(start) = rest.find(is_code) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c| !is_code(c)).unwrap_or(from.len()));
        kept.push_str(before);
        kept.push_str(if run.len() < SECRET { run } else { "[hidden]" });
        rest = after;
    }
    kept + rest
}

const fn class_of(error: &EgressError) -> Class {
    match error {
        EgressError::Target(_) => Class::Forbidden,
        EgressError::Setup(_) => Class::Setup,
        EgressError::Exhausted(_) => Class::Exhausted,
        EgressError::Resolve(_) => Class::Resolve,
        EgressError::Proxy(_) => Class::Proxy,
        EgressError::Credentials(_) => Class::Credentials,
        EgressError::Tls(_) => Class::Tls,
        EgressError::Timeout(_) | EgressError::Connect(_) | EgressError::Broken(_) => Class::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Timestamp, redacted, without_codes};
    use crate::store::endpoints::Channel;

    #[test]
    fn an_echoed_link_is_hidden() {
        let token = "AQAAAAEBogApZ6twmoq-w8y1QG5PAAAAATsEqDGpszGGAQGiACk4kXZutWAQIUD3";
        let echo = format!("error in {{\"approve\":\"https:\\/\\/hub.example.com\\/c\\/{token}\"}}: no such field é");
        assert_eq!(without_codes(&echo), echo.replace(token, "[hidden]"));
        assert_eq!(without_codes(&format!("tail of it {}", &token[20..])), "tail of it [hidden]");
        assert_eq!(without_codes("plain text, status=ok"), "plain text, status=ok");
    }

    #[test]
    fn echoed_secrets_of_the_transport_are_hidden() {
        let transport = serde_json::json!({
            "headers": {"x-api-key": "SEKRET"}, "auth": {"type": "basic", "username": "u", "password": "hunter22"},
        });
        let url = "https://hooks.example.com/T0/b1?sig=s".to_owned().into();
        let endpoint = Endpoint {
            transport: serde_json::from_value(transport).expect("a transport"),
            ..Endpoint::new("x".parse().expect("a name"), Channel::Custom, url, Timestamp::default())
        };
        let text =
            "x-api-key: SEKRET, authorization: Basic dTpodW50ZXIyMg==, or Bearer abc.d/e+f, v1,a/b+c= at /T0/b1?sig=s";
        let hidden = "x-api-key: [hidden], authorization: Basic [hidden], or Bearer [hidden], v1,[hidden] at [hidden]";
        assert_eq!(redacted(&endpoint, text), hidden);
    }
}
