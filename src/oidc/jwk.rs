//! The public keys of a provider (RFC 7517), and the verification of signatures with them.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::error::{ProviderError, TokenError, shown};
use super::jws::{Algorithm, Jws};
use super::transport::{Object, masked};
use url::Url;

/// Most keys of a set.
const KEYS: usize = 200;
/// Most keys that are tried for one token without a key id.
const TRIED: usize = 20;

/// A key as it is published.
#[derive(Deserialize)]
struct Published {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point, and the algorithm of its curve.
    Point(Algorithm, Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key that verifies signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    kid: Option<String>,
    /// The only algorithm of this key, if it states one.
    only: Option<Algorithm>,
    material: Material,
}

/// A provider's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a set. Keys of other types or for other purposes are left out.
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
        let key = Published::deserialize(value).ok()?;
        let is_for_signatures = key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && key.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|one| one == "verify"));
        if !is_for_signatures {
            return None;
        }
        let only = match &key.alg {
            Some(alg) => Some(Algorithm::of(alg)?),
            None => None,
        };
        let material = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: number(key.n.as_deref()?)?, e: number(key.e.as_deref()?)? },
            ("EC", Some("P-256")) => point(Algorithm::Es256, 32, &key)?,
            ("EC", Some("P-384")) => point(Algorithm::Es384, 48, &key)?,
            ("EC", Some("P-521")) => point(Algorithm::Es512, 66, &key)?,
            ("OKP", Some("Ed25519")) => Material::Ed25519(URL_SAFE_NO_PAD.decode(key.x.as_deref()?).ok()?),
            _ => return None,
        };
        Some(Self { kid: key.kid, only, material })
    }

    fn allows(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let suits = match &self.material {
            Material::Rsa { .. } => matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            Material::Point(of_curve, _) => algorithm == *of_curve,
            Material::Ed25519(_) => algorithm == EdDsa,
        };
        suits && self.only.is_none_or(|only| only == algorithm)
    }

    fn verifies(&self, jws: &Jws<'_>) -> bool {
        let (message, signature) = (jws.signed.as_bytes(), jws.signature.as_slice());
        match &self.material {
            Material::Rsa { n, e } => {
                let parameters = match jws.algorithm {
                    Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                PublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            Material::Point(curve, point) => {
                let parameters = match curve {
                    Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
                    Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
                    Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED,
                    _ => return false,
                };
                UnparsedPublicKey::new(parameters, point).verify(message, signature).is_ok()
            }
            Material::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
        }
    }
}

/// A whole number without leading zero bytes.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// A point on a curve whose coordinates have `size` bytes.
fn point(algorithm: Algorithm, size: usize, key: &Published) -> Option<Material> {
    let mut point = vec![4];
    for coordinate in [&key.x, &key.y] {
        let bytes = number(coordinate.as_deref()?)?;
        point.extend(std::iter::repeat_n(0, size.checked_sub(bytes.len())?));
        point.extend(bytes);
    }
    Some(Material::Point(algorithm, point))
}

#[cfg(test)]
mod tests {
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
}
