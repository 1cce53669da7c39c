//! Which tokens of platforms the hub accepts: their signature, and the conditions of its trusted issuers.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::identity::workload::TrustedIssuer;
use crate::oidc::{OidcError, Provider, ProviderError};
use crate::time::Timestamp;

/// The trusted issuers, each with its keys.
#[derive(Default)]
pub struct Workloads {
    issuers: Vec<TrustedIssuer>,
    /// By issuer: several entries may share one.
    providers: BTreeMap<String, Arc<Provider>>,
}

/// Why a platform's token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotAccepted {
    #[error("the subject token is not a JSON Web Token with an issuer")]
    NoJwt,
    #[error("this hub trusts no issuer {0}: an operator can add it to trusted_issuers")]
    UnknownIssuer(String),
    #[error("{0}")]
    Token(OidcError),
    #[error("the keys of the issuer cannot be fetched now: try again later")]
    Keys(#[source] OidcError),
    #[error("no trusted issuer of this hub accepts this token: {0}")]
    Conditions(String),
}

impl Workloads {
    /// The workloads of these issuers, none of which is called yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(issuers: Vec<TrustedIssuer>) -> Result<Self, ProviderError> {
        let mut providers = BTreeMap::new();
        for issuer in &issuers {
            if !providers.contains_key(issuer.issuer()) {
                providers.insert(issuer.issuer().to_owned(), Arc::new(Provider::new(issuer.issuer())?));
            }
        }
        Ok(Self { issuers, providers })
    }

    /// The first trusted issuer that accepts the token, with the token's claims.
    pub(super) async fn accept(
        &self,
        jwt: &str,
        now: Timestamp,
    ) -> Result<(&TrustedIssuer, Map<String, Value>), NotAccepted> {
        let named = issuer_of(jwt).ok_or(NotAccepted::NoJwt)?;
        let provider = self.providers.get(&named).ok_or(NotAccepted::UnknownIssuer(named))?;
        let mut why = Vec::new();
        let mut refused = None;
        for issuer in self.issuers.iter().filter(|issuer| issuer.issuer() == provider.issuer()) {
            match provider.verify(jwt, issuer.audience(), now).await {
                Ok(claims) => match issuer.matched(&claims) {
                    Ok(_) => return Ok((issuer, claims)),
                    Err(mismatch) => why.push(format!("{}: {mismatch}", issuer.name())),
                },
                Err(error @ OidcError::Provider(_)) => return Err(NotAccepted::Keys(error)),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if why.is_empty() => Err(NotAccepted::Token(error)),
            _ => Err(NotAccepted::Conditions(why.join("; "))),
        }
    }
}

/// The issuer that a token names, before anything is verified: only to find its keys.
fn issuer_of(jwt: &str) -> Option<String> {
    let payload = jwt.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}
