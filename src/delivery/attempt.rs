//! One attempt: its outcome, and what becomes of the delivery.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};

use super::TargetPolicy;
use super::egress::{Answer, Egress, EgressError};
use super::signature::sign;
use crate::channels::text::cut;
use crate::channels::{Channels, Success};
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::queue::Claimed;
use crate::time::Timestamp;

/// Bytes of an answer that are kept with the attempt.
const KEPT: usize = 1_024;

/// How an attempt is judged. The names are stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It worked.
    Success,
    /// Trying again would fail the same way.
    Permanent,
    /// The target says that it is gone for good (410).
    Gone,
    /// The target wants less (429, 503).
    Throttled,
    /// It may work next time.
    Transient,
    /// It may not be sent there as the hub is set up now. Tried again: an operator may open the target.
    Forbidden,
}

impl Class {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Permanent => "permanent",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Forbidden => "forbidden",
        }
    }

    /// Whether it counts against the endpoint: its tries, its breaker, its health.
    pub(super) const fn is_charged(self) -> bool {
        !matches!(self, Self::Forbidden)
    }

    pub(super) const fn is_retried(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient | Self::Forbidden)
    }
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) class: Class,
    /// Where the delivery ends, if this attempt ends it well.
    pub(super) end: Option<DeliveryState>,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    pub(super) answer: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// Sends one body.
pub(super) async fn attempt(
    egress: &Egress,
    endpoint: &Endpoint,
    claimed: &Claimed,
    body: String,
    now: Timestamp,
) -> Outcome {
    use secrecy::ExposeSecret;

    let headers = match headers(endpoint, claimed, &body, now) {
        Ok(headers) => headers,
        Err(error) => return Outcome::ours(error),
    };
    match egress.post(endpoint.url.expose_secret(), headers, body).await {
        Ok(answer) => judge(endpoint, answer),
        Err(error) => unanswered(&error),
    }
}

fn headers(endpoint: &Endpoint, claimed: &Claimed, body: &str, now: Timestamp) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let Some(secret) = &endpoint.secret else { return Ok(headers) };
    // The event's id, the same over all attempts: receivers tell repeats by it.
    let id = claimed.event.id.to_string();
    let signature = sign(secret, &id, now, body).map_err(|error| error.to_string())?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    headers.insert("webhook-id", value(&id)?);
    headers.insert("webhook-timestamp", value(&now.as_seconds().to_string())?);
    headers.insert("webhook-signature", value(&signature)?);
    Ok(headers)
}

fn judge(endpoint: &Endpoint, answer: Answer) -> Outcome {
    let Answer { status, retry_after, location, body } = answer;
    let outcome = |class, end, error| Outcome {
        class,
        end,
        status: Some(status),
        error,
        // PostgreSQL takes no NUL in text.
        answer: (!body.is_empty()).then(|| cut(&redacted(&body), KEPT).0.replace('\0', "\u{fffd}")),
        retry_after,
    };
    match status {
        200..=299 => match Channels::judge_success(endpoint.channel, status, &body) {
            Success::Delivered => outcome(Class::Success, Some(DeliveryState::Delivered), None),
            Success::Accepted => outcome(Class::Success, Some(DeliveryState::Accepted), None),
            Success::Refused(text) => {
                let text = redacted(&text);
                outcome(Class::Transient, None, Some(format!("the target answered success but says: {text}")))
            }
        },
        300..=399 => {
            let target = location.as_deref().map_or_else(|| "nowhere".to_owned(), TargetPolicy::masked);
            outcome(Class::Permanent, None, Some(format!("redirects are not followed: it points to {target}")))
        }
        410 => outcome(Class::Gone, None, Some("the target says that it is gone for good".to_owned())),
        429 | 503 => outcome(Class::Throttled, None, Some(format!("the target is busy ({status})"))),
        400 | 401 | 403 | 404 | 405 | 413 | 415 | 422 => {
            outcome(Class::Permanent, None, Some(format!("the target refuses this ({status})")))
        }
        _ => outcome(Class::Transient, None, Some(format!("the target answered {status}"))),
    }
}

/// An answer fit to be kept: a target may echo what it was sent, and whoever reads attempts must not find live links, signatures
/// or tokens there. All of them are long runs of these characters, also once encoded again.
fn redacted(answer: &str) -> String {
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

fn unanswered(error: &EgressError) -> Outcome {
    let class = match error {
        EgressError::Target(_) => Class::Forbidden,
        EgressError::Setup(_) | EgressError::Timeout(_) | EgressError::Connect(_) | EgressError::Broken(_) => {
            Class::Transient
        }
    };
    Outcome { class, end: None, status: None, error: Some(error.to_string()), answer: None, retry_after: None }
}

impl Outcome {
    /// A failure that lies with the hub or its configuration: trying again would not help.
    pub(super) const fn ours(error: String) -> Self {
        Self { class: Class::Permanent, end: None, status: None, error: Some(error), answer: None, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn an_echo_gives_nothing_away() {
        let token = "AQAAAAEBogApZ6twmoq-w8y1QG5PAAAAATsEqDGpszGGAQGiACk4kXZutWAQIUD3";
        let echo = format!("error in {{\"approve\":\"https:\\/\\/hub.example.com\\/c\\/{token}\"}}: no such field é");
        assert_eq!(redacted(&echo), echo.replace(token, "[hidden]"));
        assert_eq!(redacted(&format!("tail of it {}", &token[20..])), "tail of it [hidden]");
        assert_eq!(redacted("plain text, status=ok"), "plain text, status=ok");
    }
}
