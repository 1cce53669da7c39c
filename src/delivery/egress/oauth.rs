//! Tokens by which a hub says who it is: fetched with its own credentials (RFC 6749 §4.4), kept until shortly before they end.

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

/// A token is not used in its last moments: a message takes its time.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a token lasts whose issuer does not say.
const UNSAID: Duration = Duration::from_secs(300);
/// No token is kept longer, whatever its issuer says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Where one endpoint's tokens come from, and the one in use.
pub(in crate::delivery) struct Tokens {
    url: Url,
    authorization: HeaderValue,
    form: String,
    /// Held while a token is fetched, so that all who want one fetch one.
    flight: tokio::sync::Mutex<()>,
    /// How many fetches have ended.
    fetches: AtomicU64,
    /// A std mutex: held for a look, never across an await.
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
    /// As `Authorization` says it.
    pub(in crate::delivery) header: HeaderValue,
    until: Timestamp,
    /// The one before it was refused: should this be too, no further one will help.
    second: bool,
}

/// RFC 6749 §5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    /// A number, but some issuers write it as text.
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Tokens {
    /// What these settings mean; none when they mean no such tokens.
    pub(in crate::delivery) fn of(auth: Option<&Auth>, policy: &TargetPolicy) -> Result<Option<Self>, EgressError> {
        let Some(Auth::Oauth2 { token_url, client_id, client_secret, scope }) = auth else { return Ok(None) };
        let url = policy.check_url(token_url)?;
        // RFC 6749 §2.3.1 has both encoded as a form first.
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

    /// A live token. All who wait for the same fetch share what comes of it, a failure too.
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
            // That is not the issuer's fault.
            Err(error @ EgressError::Exhausted(_)) => Err(error),
            Err(error) => Err(self.failure(&error.to_string())),
        };
        *self.kept() = Kept { token: token.as_ref().ok().cloned(), failure: token.as_ref().err().cloned() };
        self.fetches.fetch_add(1, Ordering::Release);
        token
    }

    /// Hears what the target answered to a token. An error when it refuses one that may be replaced: the next attempt does.
    pub(in crate::delivery) fn heard(&self, token: &Arc<Token>, status: u16) -> Result<(), EgressError> {
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

    /// That there is no token, in words that name its issuer but none of its secrets.
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
            // Only what looks like one of the registered codes: an error's text may repeat what it was sent.
            let known = code
                .filter(|code| code.len() <= 40 && code.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()));
            return Err(format!("it answered {} {}", answer.status, known.unwrap_or_default()).trim_end().to_owned());
        }
        let granted: Granted =
            serde_json::from_str(without_mark(&answer.body)).map_err(|_| "its answer holds no token".to_owned())?;
        if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err("its token is not a bearer token".to_owned());
        }
        let said = granted.expires_in.as_u64().or_else(|| granted.expires_in.as_str()?.parse().ok());
        let lasts = said.map_or(UNSAID, Duration::from_secs).min(LONGEST);
        Ok(Token {
            header: secret(&format!("Bearer {}", unwrapped(&granted.access_token)))
                .map_err(|_| "its token is no header".to_owned())?,
            until: now + lasts.saturating_sub(MARGIN).max(lasts / 2),
            second: self.doubted.load(Ordering::Relaxed),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
