//! Signed tokens: the compact form of JWS (RFC 7515). Signatures with shared secrets and unsigned tokens do not exist here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::Deserialize;
use serde_json::Value;

use super::error::{TokenError, shown};
use super::transport::Object;

/// Longest token, in bytes.
const TOKEN: usize = 768 * 1024;

/// Reads the name of a signature algorithm that can be verified. `Ed25519` is the newer name (RFC 9864) of the only `EdDSA` in
/// use.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    let name = if name == "Ed25519" { "EdDSA" } else { name };
    name.parse().ok().filter(|algorithm: &Algorithm| algorithm.family() != AlgorithmFamily::Hmac)
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// A token whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// The type in lower case, without `application/`.
    pub(super) kind: Option<String>,
    /// Header and payload as they were signed.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads a token.
    pub(super) fn parse(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > TOKEN {
            return Err(TokenError::Malformed("it is too long"));
        }
        let malformed = || TokenError::Malformed("it does not consist of three parts in base64url");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed("it has more than three parts: encrypted tokens are not supported"));
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| TokenError::Malformed("its header is no JSON object with an alg"))?;
        if header.alg.eq_ignore_ascii_case("none") {
            return Err(TokenError::Unsigned);
        }
        if header.crit.is_some() {
            return Err(TokenError::Malformed("its header has critical extensions, which are not supported"));
        }
        let algorithm = algorithm(&header.alg).ok_or_else(|| TokenError::Unsupported(shown(&header.alg)))?;
        decode(signature)?;
        let kind = header.typ.map(|kind| kind.to_ascii_lowercase());
        Ok(Self {
            algorithm,
            kid: header.kid,
            kind: kind.map(|kind| kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind)),
            signed,
            signature,
            payload: decode(payload)?,
        })
    }

    /// The claims. Only to be believed once the signature is verified.
    pub(super) fn claims(&self) -> Result<Object, TokenError> {
        serde_json::from_slice(&self.payload).map_err(|_| TokenError::Malformed("its payload is no JSON object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload),
            URL_SAFE_NO_PAD.encode("x")
        )
    }

    #[test]
    fn a_header_decides_nothing_but_what_to_verify() {
        let text = token(r#"{"alg":"ES256","kid":"a","typ":"application/JWT","jwk":{}}"#, "{}");
        let jws = Jws::parse(&text).expect("parses");
        assert_eq!(
            (jws.algorithm, jws.kid.as_deref(), jws.kind.as_deref()),
            (Algorithm::ES256, Some("a"), Some("jwt"))
        );
        for (header, error) in [
            (r#"{"alg":"none"}"#, TokenError::Unsigned),
            (r#"{"alg":"NoNe"}"#, TokenError::Unsigned),
            (r#"{"alg":"HS256"}"#, TokenError::Unsupported("HS256".to_owned())),
            (r#"{"alg":"ES512"}"#, TokenError::Unsupported("ES512".to_owned())),
            (r#"{"alg":"eddsa"}"#, TokenError::Unsupported("eddsa".to_owned())),
            (
                r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
                TokenError::Malformed("its header has critical extensions, which are not supported"),
            ),
            (r#"{"kid":"a"}"#, TokenError::Malformed("its header is no JSON object with an alg")),
            (r#"{"alg":"RS256","alg":"none"}"#, TokenError::Malformed("its header is no JSON object with an alg")),
            (r#"[]"#, TokenError::Malformed("its header is no JSON object with an alg")),
        ] {
            assert_eq!(Jws::parse(&token(header, "{}")).expect_err(header), error);
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let whole = token(r#"{"alg":"RS256"}"#, "{}");
        for wrong in
            ["", "a", "a.b", "..", "a.b.c.d.e", &format!("{whole}="), &format!("{whole}\n"), &format!("{whole}.x")]
        {
            assert!(matches!(Jws::parse(wrong), Err(TokenError::Malformed(_))), "{wrong:?}");
        }
        let array = token(r#"{"alg":"RS256"}"#, "[]");
        assert!(Jws::parse(&array).expect("parses").claims().is_err());
    }
}
