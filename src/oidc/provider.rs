//! An issuer with its discovery document and keys, which are fetched when they are first needed and kept for some hours.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use url::Url;

use super::claims;
use super::error::{OidcError, ProviderError, TokenError, shown};
use super::jwk::KeySet;
use super::jws::Jws;
use super::metadata::Metadata;
use super::transport::{Object, Transport};
use crate::time::Timestamp;

/// How long document and keys are used before they are fetched again.
const FRESH: Duration = Duration::from_secs(4 * 3_600);
/// How long they are used when they cannot be fetched again.
const USABLE: Duration = Duration::from_secs(24 * 3_600);
/// How long a failure is remembered, so that many callers do not wait for a provider that is down.
const FAILED: Duration = Duration::from_secs(5);
/// The time between two fetches because of a token that no known key verifies: anybody can send such tokens.
const UNKNOWN_KEY: Duration = Duration::from_secs(30);
/// Types of tokens that state who somebody is.
const IDENTITY_TYPES: [&str; 3] = ["jwt", "jose", "id_token+jwt"];

/// One issuer.
pub struct Provider {
    issuer: String,
    pub(super) transport: Transport,
    /// Locked while document and keys are fetched, so that concurrent callers share one fetch.
    flight: tokio::sync::Mutex<()>,
    /// Number of completed fetches.
    fetches: AtomicU64,
    /// A std mutex: locked for a read or a write, never across an await.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    known: Option<Arc<Known>>,
    failure: Option<(ProviderError, Timestamp)>,
}

/// What an issuer has published.
pub(super) struct Known {
    pub(super) metadata: Metadata,
    keys: KeySet,
    read_at: Timestamp,
}

impl Known {
    /// Whether it is younger than `age`. A clock that was put back makes it old.
    fn is_younger(&self, age: Duration, now: Timestamp) -> bool {
        self.read_at <= now && now.since(self.read_at) < age
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// The provider with this issuer, which is not called yet.
    ///
    /// # Errors
    /// When the issuer is no usable URL, or TLS cannot be set up.
    pub fn new(issuer: &str) -> Result<Self, ProviderError> {
        let url = Url::parse(issuer).map_err(|_| ProviderError::Lacks("usable issuer"))?;
        Ok(Self {
            issuer: issuer.to_owned(),
            transport: Transport::new(&url)?,
            flight: tokio::sync::Mutex::default(),
            fetches: AtomicU64::new(0),
            kept: Mutex::default(),
        })
    }

    /// The issuer, as tokens must name it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies a token of a workload: signature, issuer, times, and that it is for `audience` alone. Returns its claims.
    ///
    /// # Errors
    /// When the token is refused, or the issuer's keys cannot be fetched.
    pub async fn verify(&self, jwt: &str, audience: &str, now: Timestamp) -> Result<Object, OidcError> {
        let claims = self.signed_claims(jwt, &IDENTITY_TYPES, now).await?;
        claims::check(&claims, &self.issuer, audience, now)?;
        Ok(claims)
    }

    /// Verifies an ID token for a client.
    pub(super) async fn verify_id_token(&self, jwt: &str, client: &str, now: Timestamp) -> Result<Object, OidcError> {
        let claims = self.signed_claims(jwt, &IDENTITY_TYPES, now).await?;
        claims::check_id_token(&claims, &self.issuer, client, now)?;
        Ok(claims)
    }

    /// Returns a token's claims if the issuer has signed it and it has one of the types.
    pub(super) async fn signed_claims(&self, jwt: &str, types: &[&str], now: Timestamp) -> Result<Object, OidcError> {
        let jws = Jws::parse(jwt)?;
        if let Some(kind) = jws.kind.as_deref().filter(|kind| !types.contains(kind)) {
            return Err(TokenError::Type(shown(kind)).into());
        }
        let claims = jws.claims()?;
        // Before a fetch for an unknown key: a token of another issuer causes none.
        let issuer = claims::text(&claims, "iss")?;
        if issuer != self.issuer {
            let found = shown(issuer);
            return Err(TokenError::Issuer { expected: self.issuer.clone(), found }.into());
        }
        let known = self.known(now).await?;
        if !known.metadata.algorithms.contains(&jws.algorithm) {
            let (alg, allowed) = (format!("{:?}", jws.algorithm), names(&known.metadata.algorithms));
            return Err(TokenError::Algorithm { alg, allowed }.into());
        }
        match known.keys.verify(&jws) {
            Ok(()) => {}
            Err(error) if known.is_younger(UNKNOWN_KEY, now) => return Err(error.into()),
            // The issuer may have new keys.
            Err(_) => self.fetched(now, |current| current.read_at > known.read_at).await?.keys.verify(&jws)?,
        }
        Ok(claims)
    }

    /// Returns what the issuer has published.
    pub(super) async fn known(&self, now: Timestamp) -> Result<Arc<Known>, ProviderError> {
        let kept = self.kept().known.clone();
        if let Some(known) = kept.filter(|known| known.is_younger(FRESH, now)) {
            return Ok(known);
        }
        match self.fetched(now, |current| current.is_younger(FRESH, now)).await {
            Ok(known) => Ok(known),
            Err(error) => {
                let kept = self.kept().known.clone().filter(|known| known.is_younger(USABLE, now));
                if kept.is_some() {
                    tracing::warn!(issuer = self.issuer, %error, "the provider's keys cannot be fetched again; the known ones are used");
                }
                kept.ok_or(error)
            }
        }
    }

    /// Fetches what the issuer has published, unless somebody else just did: with the wanted result, or in vain.
    async fn fetched(&self, now: Timestamp, is_wanted: impl Fn(&Known) -> bool) -> Result<Arc<Known>, ProviderError> {
        let before = self.fetches.load(Ordering::Acquire);
        let recent = |kept: &Kept| {
            let failure = kept.failure.as_ref().filter(|(_, at)| *at <= now && now.since(*at) < FAILED);
            failure.map(|(error, _)| error.clone())
        };
        if let Some(error) = recent(&self.kept()) {
            return Err(error);
        }
        let _flight = self.flight.lock().await;
        {
            let kept = self.kept();
            if let Some(known) = kept.known.as_ref().filter(|known| is_wanted(known)) {
                return Ok(Arc::clone(known));
            }
            let joined = self.fetches.load(Ordering::Acquire) != before;
            if let Some((error, _)) = kept.failure.as_ref().filter(|_| joined) {
                return Err(error.clone());
            }
        }
        let fetched = self.fetch(now).await.map(Arc::new);
        let mut kept = self.kept();
        self.fetches.fetch_add(1, Ordering::Release);
        match fetched {
            Ok(known) => {
                *kept = Kept { known: Some(Arc::clone(&known)), failure: None };
                Ok(known)
            }
            Err(error) => {
                kept.failure = Some((error.clone(), now));
                Err(error)
            }
        }
    }

    async fn fetch(&self, now: Timestamp) -> Result<Known, ProviderError> {
        let metadata = Metadata::fetch(&self.transport, &self.issuer).await?;
        let keys = KeySet::read(&self.transport.get(&metadata.jwks_uri).await?, &metadata.jwks_uri)?;
        Ok(Known { metadata, keys, read_at: now })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn names(algorithms: &[Algorithm]) -> String {
    if algorithms.is_empty() {
        return "none that the hub can verify".to_owned();
    }
    algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect::<Vec<_>>().join(", ")
}
