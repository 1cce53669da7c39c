//! OAuth 2 access tokens of endpoints: fetched with client credentials (RFC 6749 §4.4), and reused until shortly before
//! they expire.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::Answer;
use super::prepared::{basic, secret};
use crate::delivery::{EgressError, TargetPolicy};
use crate::shape::without_mark;
use crate::store::transport::Auth;
use crate::time::Timestamp;
use crate::unicode::unwrapped;

/// Time before its expiry from which a token is not used any more, since a send takes some time.
const MARGIN: Duration = Duration::from_secs(30);
/// Lifetime of a token whose issuer does not state one.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// Maximum lifetime, also when the issuer states a longer one.
const LONGEST: Duration = Duration::from_secs(86_400);

/// One endpoint's token issuer, and the current token.
pub(in crate::delivery) struct Tokens {
    url: Url,
    authorization: HeaderValue,
    form: String,
    /// Locked while a token is fetched, so that concurrent sends share one fetch.
    flight: tokio::sync::Mutex<()>,
    /// Number of completed fetches.
    fetches: AtomicU64,
    /// A std mutex: locked for a read or a write, never across an await.
    kept: Mutex<Kept>,
    /// The target refused the last token.
    doubted: AtomicBool,
}

#[derive(Default)]
struct Kept {
    token: Option<Arc<Token>>,
    failure: Option<EgressError>,
}

/// One token.
pub(in crate::delivery) struct Token {
    /// Value of `Authorization`.
    pub(in crate::delivery) header: HeaderValue,
    until: Timestamp,
    /// The previous token was refused. If this one is refused too, a further one would not help.
    second: bool,
}

/// A successful response (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// A number. Some issuers send it as text.
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// An error response (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Tokens {
    /// Returns the tokens of these settings, or `None` when they use no OAuth.
    pub(in crate::delivery) fn of(auth: Option<&Auth>, policy: &TargetPolicy) -> Result<Option<Self>, EgressError> {
        let Some(Auth::Oauth2 { token_url, client_id, client_secret, scope }) = auth else { return Ok(None) };
        let url = policy.check_url(token_url)?;
        // RFC 6749 §2.3.1 requires both to be form-encoded first.
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = scope {
            form.append_pair("scope", scope);
        }
        Ok(Some(Self {
            url,
            authorization: basic(&encoded(client_id), &encoded(client_secret.expose()))?,
            form: form.finish(),
            flight: tokio::sync::Mutex::default(),
            fetches: AtomicU64::new(0),
            kept: Mutex::default(),
            doubted: AtomicBool::new(false),
        }))
    }

    /// Returns a valid token. Concurrent callers share one fetch and its result, including a failure.
    pub(in crate::delivery) async fn get<F>(
        &self,
        now: Timestamp,
        fetch: impl FnOnce(Request) -> F,
    ) -> Result<Arc<Token>, EgressError>
    where
        F: Future<Output = Result<Answer, EgressError>>,
    {
        let live = || self.kept().token.clone().filter(|token| now < token.until);
        if let Some(token) = live() {
            return Ok(token);
        }
        let before = self.fetches.load(Ordering::Acquire);
        let _flight = self.flight.lock().await;
        if let Some(token) = live() {
            return Ok(token);
        }
        if self.fetches.load(Ordering::Acquire) != before
            && let Some(failure) = &self.kept().failure
        {
            return Err(failure.clone());
        }
        let token = match fetch(self.request()).await {
            Ok(answer) => self.read(&answer, now).map(Arc::new).map_err(|why| self.failure(&why)),
            // Not the issuer's fault.
            Err(error @ EgressError::Exhausted(_)) => Err(error),
            Err(error) => Err(self.failure(&error.to_string())),
        };
        *self.kept() = Kept { token: token.as_ref().ok().cloned(), failure: token.as_ref().err().cloned() };
        self.fetches.fetch_add(1, Ordering::Release);
        token
    }

    /// Notes the target's answer to a token. Returns an error when the target refuses it and a new token may help: the
    /// next attempt fetches one.
    pub(in crate::delivery) fn note_status(&self, token: &Arc<Token>, status: u16) -> Result<(), EgressError> {
        if status != 401 {
            if token.second {
                self.doubted.store(false, Ordering::Relaxed);
            }
            return Ok(());
        }
        let doubted = self.doubted.swap(true, Ordering::Relaxed);
        let mut kept = self.kept();
        if kept.token.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, token)) {
            kept.token = None;
        }
        if token.second && doubted {
            return Ok(());
        }
        let text = "the target refuses the token (401): the next attempt fetches a new one";
        Err(EgressError::Credentials(text.to_owned()))
    }

    /// The error for a missing token. It names the issuer, and contains no secret.
    pub(in crate::delivery) fn failure(&self, why: &str) -> EgressError {
        EgressError::Credentials(format!("no token from {}: {why}", TargetPolicy::masked(self.url.as_str())))
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        *request.body_mut() = Some(self.form.clone().into());
        request
    }

    fn read(&self, answer: &Answer, now: Timestamp) -> Result<Token, String> {
        if !(200..300).contains(&answer.status) {
            let code = serde_json::from_str::<Refused>(without_mark(&answer.body)).ok().map(|refused| refused.error);
            // Only text in the form of a registered code: an error may echo what was sent.
            let known = code
                .filter(|code| code.len() <= 40 && code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()));
            return Err(format!("it answered {} {}", answer.status, known.unwrap_or_default()).trim_end().to_owned());
        }
        let granted: Granted =
            serde_json::from_str(without_mark(&answer.body)).map_err(|_| "its answer contains no token".to_owned())?;
        if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err("its token is not a bearer token".to_owned());
        }
        let stated = granted.expires_in.as_u64().or_else(|| granted.expires_in.as_str()?.parse().ok());
        let lasts = stated.map_or(DEFAULT_LIFETIME, Duration::from_secs).min(LONGEST);
        Ok(Token {
            header: secret(&format!("Bearer {}", unwrapped(&granted.access_token)))
                .map_err(|_| "its token is not a valid header value".to_owned())?,
            until: now + lasts.saturating_sub(MARGIN).max(lasts / 2),
            second: self.doubted.load(Ordering::Relaxed),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
