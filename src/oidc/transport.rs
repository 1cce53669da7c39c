//! HTTP calls to a provider: one deadline for each call, a bounded answer, no redirects. `https` only, except on this
//! machine.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value};
use tokio::time::timeout;
use url::{Host, Url};

use super::error::ProviderError;
use crate::shape::without_mark_bytes;

/// The deadline of one call, from the name's resolution to the end of the answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// The deadline of connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of an answer: an ID token with some thousand groups fits.
const ANSWER: usize = 1024 * 1024;
/// Idle connections that are kept to one host.
const IDLE: usize = 8;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// An answer with its status.
pub(super) struct Answer {
    pub(super) status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// The body as a JSON object.
    pub(super) fn object(&self, url: &Url) -> Result<Object, ProviderError> {
        serde_json::from_slice(without_mark_bytes(&self.body)).map_err(|_| {
            let text = String::from_utf8_lossy(&self.body);
            let is_jwt = text.starts_with("ey") && text.matches('.').count() == 2;
            let why = if is_jwt {
                "the answer is signed (a JWT): let the provider send JSON"
            } else {
                "the answer is no JSON object"
            };
            ProviderError::Answer { url: masked(url), why: why.to_owned() }
        })
    }

    /// The body of a successful answer as a JSON object.
    pub(super) fn success(&self, url: &Url) -> Result<Object, ProviderError> {
        if self.status != 200 {
            return Err(ProviderError::Status { url: masked(url), status: self.status });
        }
        self.object(url)
    }
}

/// Calls to one provider.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Client,
}

impl Transport {
    /// A client for the issuer. Like other clients it uses the proxy that `HTTPS_PROXY` and `NO_PROXY` name, but none on
    /// this machine.
    pub(super) fn new(issuer: &Url) -> Result<Self, ProviderError> {
        let builder = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(DEADLINE)
            .pool_max_idle_per_host(IDLE)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]));
        let builder = if is_loopback(issuer) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| unreachable(issuer, &error))?;
        Ok(Self { client })
    }

    /// Gets an object.
    pub(super) async fn get(&self, url: &Url) -> Result<Object, ProviderError> {
        self.send(url, self.client.get(url.clone())).await?.success(url)
    }

    /// Gets an object with an access token.
    pub(super) async fn get_with(&self, url: &Url, access_token: &str) -> Result<Object, ProviderError> {
        self.send(url, self.client.get(url.clone()).bearer_auth(access_token)).await?.success(url)
    }

    /// Posts a form.
    pub(super) async fn post(&self, url: &Url, form: String, headers: HeaderMap) -> Result<Answer, ProviderError> {
        self.send(url, self.client.post(url.clone()).headers(headers).body(form)).await
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Answer, ProviderError> {
        let talk = async {
            let mut response = request.send().await.map_err(|error| unreachable(url, &error))?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
                if body.len() + chunk.len() > ANSWER {
                    let why = format!("the answer is longer than {ANSWER} bytes");
                    return Err(ProviderError::Answer { url: masked(url), why });
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status, body })
        };
        timeout(DEADLINE, talk).await.unwrap_or_else(|_| Err(late(url)))
    }
}

fn late(url: &Url) -> ProviderError {
    let why = format!("no complete answer within {} s", DEADLINE.as_secs());
    ProviderError::Unreachable { url: masked(url), why }
}

fn unreachable(url: &Url, error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        return late(url);
    }
    // The innermost cause says what happened; the outer ones only say where.
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let why = if cause.source().is_none() && std::ptr::addr_eq(cause, error) {
        "the call failed".to_owned()
    } else {
        cause.to_string()
    };
    ProviderError::Unreachable { url: masked(url), why }
}

/// A URL for the log, without query and user.
pub(super) fn masked(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _no_host = url.set_username("").and_then(|()| url.set_password(None));
    super::error::shown(url.as_str())
}

/// Whether the URL is one of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761 §6.3.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Parses a URL at which a provider may be called: `https`, or `http` on this machine.
pub(super) fn provider_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    (is_safe && url.host().is_some() && url.username().is_empty() && url.password().is_none()).then_some(url)
}
