//! Slack's signature of a call: a recent HMAC with the app's signing secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::approval::Digest;
use crate::time::Timestamp;

/// Most seconds between the call's timestamp and the hub's clock.
const WINDOW: i64 = 5 * 60;
const TAG: usize = 32;

/// A call with its signature, not verified yet.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'c> {
    /// `X-Slack-Request-Timestamp`.
    pub timestamp: &'c str,
    /// `X-Slack-Signature`.
    pub signature: &'c str,
    /// The raw body.
    pub body: &'c [u8],
}

/// A call with a recent, well-formed signature, to verify with the secrets.
pub(super) struct Checked<'c> {
    timestamp: i64,
    tag: [u8; TAG],
    body: &'c [u8],
}

impl<'c> Signed<'c> {
    /// Parses the signature; `None` if it is malformed or not recent.
    pub(super) fn check(&self, now: Timestamp) -> Option<Checked<'c>> {
        let is_number =
            (1..=12).contains(&self.timestamp.len()) && self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let timestamp: i64 = self.timestamp.parse().ok().filter(|_| is_number)?;
        if (now.as_seconds() - timestamp).abs() > WINDOW {
            return None;
        }
        // A digest has the same form: 32 bytes in hexadecimal.
        let tag: Digest = self.signature.strip_prefix("v0=")?.parse().ok()?;
        Some(Checked { timestamp, tag: *tag.as_bytes(), body: self.body })
    }
}

impl Checked<'_> {
    /// Whether the secret made the signature, in constant time.
    pub(super) fn is_by(&self, secret: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(format!("v0:{}:", self.timestamp).as_bytes());
        mac.update(self.body);
        mac.verify_slice(&self.tag).is_ok()
    }

    /// Identifies the call: a repeat of it has the same id.
    pub(super) fn id(&self) -> Digest {
        Digest::of(&self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's own documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn is_genuine(timestamp: &str, signature: &str, body: &[u8], second: i64) -> bool {
        let now = Timestamp::from_micros(second * 1_000_000);
        Signed { timestamp, signature, body }.check(now).is_some_and(|checked| checked.is_by(SECRET))
    }

    #[test]
    fn only_the_exact_example_of_slack_is_accepted() {
        let sent = 1_531_420_618;
        assert!(is_genuine("1531420618", SIGNATURE, BODY, sent));
        assert!(
            is_genuine("1531420618", SIGNATURE, BODY, sent + WINDOW)
                && is_genuine("1531420618", SIGNATURE, BODY, sent - WINDOW)
        );
        assert!(!is_genuine("1531420618", SIGNATURE, BODY, sent + WINDOW + 1), "too old");
        assert!(!is_genuine("1531420618", SIGNATURE, BODY, sent - WINDOW - 1), "from the future");
        assert!(!is_genuine("1531420619", SIGNATURE, BODY, sent));
        assert!(!is_genuine("1531420618", SIGNATURE, b"other", sent));
        for signature in
            ["", "v0=", "v1=a2114d57", &SIGNATURE[..66], &SIGNATURE.replace('a', "b"), &format!("{SIGNATURE}00")]
        {
            assert!(!is_genuine("1531420618", signature, BODY, sent), "{signature}");
        }
        for timestamp in ["", "+1531420618", "x", "99999999999999999999999", "-1", "1531420618 "] {
            assert!(!is_genuine(timestamp, SIGNATURE, BODY, sent), "{timestamp}");
        }
    }
}
