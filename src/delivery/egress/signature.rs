//! Signatures of custom endpoints (Standard Webhooks 1.0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::store::endpoints::Endpoint;
use crate::time::Timestamp;

/// A stored signing secret is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's signing secret is invalid: expected whsec_ followed by base64")]
pub struct SigningError;

/// An endpoint's signing secrets, ready to sign.
pub(in crate::delivery) struct Signer {
    keys: Vec<Key>,
}

struct Key {
    /// Initialised with the secret; cloned for each signature.
    mac: Hmac<Sha256>,
    /// End of a retiring secret.
    until: Option<Timestamp>,
}

impl Signer {
    /// Returns a signer with the endpoint's secrets, the current one first, or `None` when it has none.
    ///
    /// # Errors
    /// When a secret is invalid.
    pub(in crate::delivery) fn of(endpoint: &Endpoint) -> Result<Option<Self>, SigningError> {
        let Some(secret) = &endpoint.secret else { return Ok(None) };
        let mut keys = vec![Key::new(secret.expose_secret(), None)?];
        for retiring in &endpoint.retiring {
            keys.push(Key::new(retiring.secret.expose(), Some(retiring.until))?);
        }
        Ok(Some(Self { keys }))
    }

    /// Returns the value of `webhook-signature`: for each live secret, `v1,` and the base64 of HMAC-SHA256 over
    /// `id.seconds.body`.
    pub(in crate::delivery) fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let seconds = at.as_seconds().to_string();
        let mut signatures = String::new();
        for key in self.keys.iter().filter(|key| key.until.is_none_or(|until| at < until)) {
            let mut mac = key.mac.clone();
            for part in [id, ".", &seconds, ".", body] {
                mac.update(part.as_bytes());
            }
            if !signatures.is_empty() {
                signatures.push(' ');
            }
            signatures.push_str("v1,");
            STANDARD.encode_string(mac.finalize().into_bytes(), &mut signatures);
        }
        signatures
    }
}

/// Signs with one secret.
///
/// # Errors
/// When the secret is invalid.
pub fn sign(secret: &SecretString, id: &str, at: Timestamp, body: &str) -> Result<String, SigningError> {
    let keys = vec![Key::new(secret.expose_secret(), None)?];
    Ok(Signer { keys }.sign(id, at, body))
}

impl Key {
    fn new(secret: &str, until: Option<Timestamp>) -> Result<Self, SigningError> {
        let bytes = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()).ok_or(SigningError)?;
        let mac = Hmac::<Sha256>::new_from_slice(&bytes).map_err(|_| SigningError)?;
        Ok(Self { mac, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(keys: &[(&str, Option<i64>)]) -> String {
        let micros = |seconds| Timestamp::from_micros(seconds * 1_000_000);
        let keys = keys.iter().map(|(secret, until)| Key::new(secret, until.map(micros)).expect("a secret")).collect();
        Signer { keys }.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", micros(1_614_265_330), r#"{"test": 2432232314}"#)
    }

    #[test]
    fn the_test_vector_of_the_specification_is_met() {
        assert_eq!(sign(&[(FIRST, None)]), SIGNED);
    }

    #[test]
    fn live_secrets_sign_and_retired_ones_do_not() {
        let new = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let both = sign(&[(new, None), (FIRST, Some(1_614_265_331))]);
        assert_eq!(both.split(' ').collect::<Vec<_>>(), [sign(&[(new, None)]), SIGNED.to_owned()]);
        assert_eq!(sign(&[(new, None), (FIRST, Some(1_614_265_330))]), sign(&[(new, None)]));
    }

    #[test]
    fn an_invalid_secret_is_rejected() {
        for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?", ""] {
            assert!(Key::new(secret, None).is_err(), "{secret}");
        }
    }
}
