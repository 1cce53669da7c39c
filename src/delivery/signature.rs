//! Signatures of custom endpoints, as Standard Webhooks 1.0 has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::time::Timestamp;

/// The secret kept for an endpoint cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's signing secret is not whsec_ and base64")]
pub struct SigningError;

/// The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.seconds.body`.
///
/// # Errors
/// When the secret is not one.
pub fn sign(secret: &SecretString, id: &str, at: Timestamp, body: &str) -> Result<String, SigningError> {
    let key = secret.expose_secret().strip_prefix("whsec_").ok_or(SigningError)?;
    let key = STANDARD.decode(key).map_err(|_| SigningError)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| SigningError)?;
    mac.update(format!("{id}.{}.{body}", at.as_seconds()).as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_vector() {
        let secret: SecretString = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into();
        let at = Timestamp::from_micros(1_614_265_330_000_000);
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signature.expect("signs"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
