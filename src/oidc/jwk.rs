//! The public keys of a provider (RFC 7517), and the verification of signatures with them.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::error::{ProviderError, TokenError, shown};
use super::jws::{Jws, algorithm};
use super::transport::{Object, masked};

/// Most keys of a set.
const KEYS: usize = 200;
/// Most keys that are tried for one token without a key id.
const TRIED: usize = 20;

/// A key that verifies signatures.
#[derive(Debug)]
struct Key {
    kid: Option<String>,
    /// The algorithms of its type and curve.
    suits: &'static [Algorithm],
    /// The only algorithm of this key, if it states one.
    only: Option<Algorithm>,
    key: DecodingKey,
}

/// A provider's keys.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a set. Keys of other types or for other purposes are left out. A key must be encoded as RFC 7518 demands: numbers
    /// without leading zero bytes, coordinates with all bytes.
    pub(super) fn read(document: &Object, url: &Url) -> Result<Self, ProviderError> {
        let wrong = |why: &str| ProviderError::Answer { url: masked(url), why: why.to_owned() };
        let list = document.get("keys").and_then(Value::as_array).ok_or_else(|| wrong("it is no JSON Web Key Set"))?;
        if list.len() > KEYS {
            return Err(wrong("it has too many keys"));
        }
        let keys: Vec<Key> = list.iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err(wrong("none of its keys can verify a signature"));
        }
        Ok(Self(keys))
    }

    /// Verifies a token's signature.
    pub(super) fn verify(&self, jws: &Jws<'_>) -> Result<(), TokenError> {
        let fits = |key: &&Key| jws.kid.is_none() || key.kid.is_none() || key.kid == jws.kid;
        let mut found = self.0.iter().filter(fits).filter(|key| key.allows(jws.algorithm)).take(TRIED).peekable();
        if found.peek().is_none() {
            return Err(TokenError::UnknownKey(jws.kid.as_deref().map_or_else(|| "at all".to_owned(), shown)));
        }
        if found.any(|key| key.verifies(jws)) { Ok(()) } else { Err(TokenError::Signature) }
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(value).ok()?;
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
                && common.key_operations.as_ref().is_none_or(|uses| uses.contains(&KeyOperations::Verify));
        if !is_for_signatures {
            return None;
        }
        // The library reads every name that it does not know as the same one, also `Ed25519`.
        let only = match value.get("alg").and_then(Value::as_str) {
            Some(name) => Some(algorithm(name)?),
            None => None,
        };
        // The library leaves the curve out of the key.
        let suits = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => return None,
        };
        Some(Self { kid: common.key_id.clone(), suits, only, key: DecodingKey::from_jwk(&jwk).ok()? })
    }

    fn allows(&self, algorithm: Algorithm) -> bool {
        self.suits.contains(&algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    fn verifies(&self, jws: &Jws<'_>) -> bool {
        crypto::verify(jws.signature, jws.signed.as_bytes(), &self.key, jws.algorithm).is_ok_and(|is_right| is_right)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn set(text: &str) -> Result<KeySet, ProviderError> {
        let url = Url::parse("https://login.example.com/keys").expect("a URL");
        KeySet::read(&serde_json::from_str(text).expect("an object"), &url)
    }

    /// RFC 8037, appendix A.4.
    const SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const KEY: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    #[test]
    fn the_example_of_the_standard_is_verified() {
        let jws = Jws::parse(SIGNED).expect("parses");
        for members in ["", r#","kid":"a","use":"sig","alg":"EdDSA""#, r#","alg":"Ed25519","key_ops":["verify"]"#] {
            let keys = set(&format!(r#"{{"keys":[{{{KEY}{members}}}]}}"#)).expect("keys");
            assert_eq!(keys.verify(&jws), Ok(()), "{members}");
        }
        let changed = SIGNED.replacen("RXhh", "RXhi", 1);
        let keys = set(&format!(r#"{{"keys":[{{{KEY}}}]}}"#)).expect("keys");
        assert_eq!(keys.verify(&Jws::parse(&changed).expect("parses")), Err(TokenError::Signature));
    }

    #[test]
    fn keys_for_other_purposes_are_left_out() {
        for members in [r#","use":"enc""#, r#","key_ops":["encrypt"]"#, r#","alg":"HS256""#, r#","alg":"RSA-OAEP""#] {
            let error = set(&format!(r#"{{"keys":[{{{KEY}{members}}}]}}"#)).expect_err(members);
            assert!(error.to_string().contains("none of its keys"), "{error}");
        }
        for key in [
            r#""kty":"oct","k":"AAAA""#,
            r#""kty":"OKP","crv":"X25519","x":"AAAA""#,
            r#""kty":"OKP","crv":"P-256","x":"AAAA""#,
            r#""kty":"EC","crv":"Ed25519","x":"AAAA","y":"AAAA""#,
            r#""kty":"EC","crv":"P-521","x":"AAAA","y":"AAAA""#,
            r#""kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA""#,
        ] {
            assert!(set(&format!(r#"{{"keys":[{{{key}}}]}}"#)).is_err(), "{key}");
        }
        let keys = set(&format!(r#"{{"keys":[{{"kty":"AKP","kid":"new"}},7,{{{KEY},"kid":"b"}}]}}"#)).expect("keys");
        assert_eq!(keys.0.len(), 1);
    }

    #[test]
    fn a_key_verifies_only_its_own_algorithm() {
        let keys = set(&format!(r#"{{"keys":[{{{KEY},"kid":"b"}}]}}"#)).expect("keys");
        let header = |text: &str| format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(text));
        for (text, error) in [
            (r#"{"alg":"RS256","kid":"b"}"#, TokenError::UnknownKey("b".to_owned())),
            (r#"{"alg":"EdDSA","kid":"c"}"#, TokenError::UnknownKey("c".to_owned())),
            (r#"{"alg":"ES256"}"#, TokenError::UnknownKey("at all".to_owned())),
            (r#"{"alg":"EdDSA"}"#, TokenError::Signature),
        ] {
            let token = header(text);
            assert_eq!(keys.verify(&Jws::parse(&token).expect("parses")), Err(error), "{text}");
        }
    }

    #[test]
    fn a_key_of_1024_bits_verifies_nothing() {
        let number = "2Ge2WBCGRnEqCQ8oNTBjJXTvICMblznNblSmyXJ0FdC76nrte32c7VKrJ83Wb97EizxXmv5nmzBaA3bouuk25ya0YG3fOjVFHrGuKqQvMDfLlCKFAyv1JTqEsJ9U0kIklebZ8I-vb2620Kdw9G9x9vSiRxXdcKPiRNQjqwIusk0";
        let signed = "eyJhbGciOiJSUzI1NiJ9.e30.pEkP3V_VzjNTMbijhqR2vtiFd29SgPHerLBPZuKTQOfMsBdoBGctdTAfWIYoj1MTq8TO8oH81QkFLwa0rxjf0648rZUXfnBby1GaVDB8l4dpBgvKwIDRNqfaKynW0ZhEneINS_s8WMinQqtgLljWopZZmG7_cRa-pF_GIsBf3B4";
        let keys = set(&format!(r#"{{"keys":[{{"kty":"RSA","n":"{number}","e":"AQAB"}}]}}"#)).expect("keys");
        assert_eq!(keys.verify(&Jws::parse(signed).expect("parses")), Err(TokenError::Signature));
    }

    #[test]
    fn a_point_verifies_only_on_its_own_curve() {
        // RFC 7515, appendix A.3.
        let point =
            r#""x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
        let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let jws = Jws::parse(signed).expect("parses");
        let keys = |curve| set(&format!(r#"{{"keys":[{{"kty":"EC","crv":"{curve}",{point}}}]}}"#)).expect("keys");
        assert_eq!(keys("P-256").verify(&jws), Ok(()));
        assert_eq!(keys("P-384").verify(&jws), Err(TokenError::UnknownKey("at all".to_owned())));
    }
}
