//! Nonces of forms: what ties a form to the page that showed it, and to who saw it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::KeyRing;
use super::keys::Purpose;
use crate::time::Timestamp;

/// Validity of the form of a link or of someone who has not signed in, after its page was shown.
pub const FORM_LIFE: Duration = Duration::from_secs(3_600);

/// Returns a nonce for the form of a page that was shown at `now`; `page` identifies the page and who saw it.
pub fn form_nonce(page: &str, keys: &KeyRing, now: Timestamp) -> String {
    let (keys, shown) = (keys.live(), now.as_seconds().to_be_bytes());
    let tag = keys.sign(Purpose::Form, &[&shown, page.as_bytes()].concat());
    URL_SAFE_NO_PAD.encode([&keys.signing_id().to_be_bytes()[..], &shown, &tag].concat())
}

/// Whether the nonce was made for this page within the last `life`.
pub fn check_form_nonce(page: &str, nonce: &str, keys: &KeyRing, now: Timestamp, life: Duration) -> bool {
    let check = || {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (key, rest) = bytes.split_first_chunk::<4>()?;
        let (shown, tag) = rest.split_first_chunk::<8>()?;
        let message = [shown, page.as_bytes()].concat();
        let genuine = keys.live().verify(u32::from_be_bytes(*key), Purpose::Form, &message, tag);
        let age = now.as_seconds().checked_sub(i64::from_be_bytes(*shown))?;
        Some(genuine && u64::try_from(age).is_ok_and(|age| age < life.as_secs()))
    };
    check().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretBox;

    use super::*;
    use crate::links::{LinkKey, LiveKeys};

    #[test]
    fn a_nonce_is_valid_for_its_page_and_its_life() {
        let key = LinkKey { id: 1, secret: SecretBox::new(Box::new([1; 32])) };
        let keys = KeyRing::new(LiveKeys::new(key, Vec::new()));
        let (now, page) = (Timestamp::from_micros(1_700_000_000_000_000), "token");
        let nonce = form_nonce(page, &keys, now);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(check_form_nonce(page, &nonce, &keys, later(3_599), FORM_LIFE));
        assert!(!check_form_nonce(page, &nonce, &keys, later(3_600), FORM_LIFE));
        assert!(!check_form_nonce("other", &nonce, &keys, now, FORM_LIFE));
        assert!(!check_form_nonce(page, "", &keys, now, FORM_LIFE));
    }
}
