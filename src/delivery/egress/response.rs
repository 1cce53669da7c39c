//! A target's HTTP response.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{CONTENT_ENCODING, HeaderMap, LOCATION, RETRY_AFTER};

use crate::time::Timestamp;

/// Longest `Location` that is kept.
const LOCATION_KEPT: usize = 200;

/// A command in the response header `webhook-delivery`. It is followed only if the endpoint allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// End this delivery.
    AbortMessage,
    /// Send nothing more.
    Disable,
}

impl Control {
    /// Parses the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "abort-message" => Some(Self::AbortMessage),
            "disable" => Some(Self::Disable),
            _ => None,
        }
    }
}

/// A target's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delivery) struct Answer {
    pub(in crate::delivery) status: u16,
    /// How long the target asks to be sent nothing.
    pub(in crate::delivery) retry_after: Option<Duration>,
    /// Target of a redirect, which is never followed.
    pub(in crate::delivery) location: Option<String>,
    /// The command, whether the endpoint allows it or not.
    pub(in crate::delivery) control: Option<Control>,
    pub(in crate::delivery) headers: HeaderMap,
    /// The beginning of the body.
    pub(in crate::delivery) body: String,
    /// Whether the body was longer than is read.
    pub(in crate::delivery) overflows: bool,
}

impl Answer {
    /// Reads at most `limit` bytes of the body. If there is more, the connection is closed, not drained.
    pub(super) async fn read(mut response: reqwest::Response, limit: usize, now: Timestamp) -> reqwest::Result<Self> {
        let mut bytes = Vec::new();
        while bytes.len() < limit
            && let Some(chunk) = response.chunk().await?
        {
            bytes.extend(chunk.iter().take(limit - bytes.len()));
        }
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let body = match text(CONTENT_ENCODING.as_str()) {
            // The request asked for `identity`.
            Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
                "(an encoded answer is not read)".to_owned()
            }
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        };
        Ok(Self {
            status: response.status().as_u16(),
            retry_after: retry_after(headers, now),
            location: text(LOCATION.as_str()).map(|text| text.chars().take(LOCATION_KEPT).collect()),
            control: text("webhook-delivery").and_then(Control::parse),
            headers: std::mem::take(response.headers_mut()),
            body,
            overflows: bytes.len() >= limit,
        })
    }
}

impl Answer {
    /// Returns the delay that a header asks for, in seconds.
    pub(in crate::delivery) fn wait(&self, header: &str) -> Option<Duration> {
        wait_of(self.headers.get(header)?.to_str().ok()?)
    }

    /// Whether the body is a web page: a login, error or help page of an intermediary or of a wrong URL. Decided by the
    /// text, because some services send plain answers as `text/html`.
    pub(in crate::delivery) fn is_web_page(&self) -> bool {
        let text = self.body.trim_start_matches('\u{feff}').trim_start();
        let begins = |tag: &str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
        ["<!doctype html", "<html", "<head", "<body", "<!--"].iter().any(|tag| begins(tag))
    }
}

/// Parses a delay in seconds. Fractions, which some services send, are rounded up, because an early retry is refused
/// again.
pub fn wait_of(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: u64 = whole.parse().ok()?;
    let is_more = fraction.bytes().any(|digit| digit != b'0');
    Some(Duration::from_secs(seconds.saturating_add(is_more.into())))
}

/// Parses `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(wait) = wait_of(text) {
        return Some(wait);
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((Timestamp::default() + date).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_any_of_three_forms_of_a_date() {
        // 1994-11-06T08:49:37Z
        let now = Timestamp::from_micros((784_111_777 - 60) * 1_000_000);
        let asked = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]), now)
        };
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "60",
            " 60 ",
        ] {
            assert_eq!(asked(date), Some(Duration::from_secs(60)), "{date}");
        }
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO), "it is in the past");
        assert_eq!(asked("18446744073709551615"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(
            (asked("0.3"), asked("1.0"), asked("64.57")),
            (Some(Duration::from_secs(1)), Some(Duration::from_secs(1)), Some(Duration::from_secs(65)))
        );
        for nonsense in
            ["", "-1", "1.", ".5", "1.5e3", "1,5", "soon", "99999999999999999999999", "Sun, 99 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_web_page_is_recognised_by_its_text() {
        let answer = |body: &str| Answer {
            status: 200,
            retry_after: None,
            location: None,
            control: None,
            headers: HeaderMap::new(),
            body: body.to_owned(),
            overflows: false,
        };
        for page in ["<!DOCTYPE html><title>Log in</title>", "\u{feff}\n <HTML lang=en>", "<!-- a proxy's -->"] {
            assert!(answer(page).is_web_page(), "{page}");
        }
        for plain in ["", "ok", "1", "{\"id\": \"1\"}", "<a>"] {
            assert!(!answer(plain).is_web_page(), "{plain}");
        }
    }
}
