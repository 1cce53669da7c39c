//! All outgoing HTTP calls: every address is checked when it is dialled, one deadline covers the whole call, the answer
//! is bounded, redirects are not followed, and only an endpoint's own proxy is used.

mod cache;
mod client;
mod dns;
mod error;
mod exhaustion;
mod oauth;
mod outgoing;
pub(super) mod prepared;
mod response;
pub(super) mod signature;
mod tls;
pub(super) mod validate;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request};
use tokio::time::{Instant, timeout_at};
use url::Url;

pub(super) use self::cache::EndpointClient;
use self::cache::EndpointClients;
pub(super) use self::client::{added, with_authorities, with_identity};
pub use self::dns::{Lookup, SystemLookup};
use self::dns::{NameError, Names};
use self::error::Way;
pub use self::error::{EgressError, tls_fault};
use self::oauth::{Token, Tokens};
pub(super) use self::outgoing::Composed;
use self::prepared::Route;
pub(super) use self::response::Answer;
pub use self::response::{Control, wait_of};
use super::TargetPolicy;
use crate::store::endpoints::Endpoint;
use crate::store::transport::Transport;
use crate::time::Timestamp;

/// Bytes of an answer that are read.
const ANSWER: usize = 8 * 1024;
/// Bytes read of the answer to an API call. It may contain the whole message, and the message's id at any position.
const API_ANSWER: usize = 512 * 1024;
/// Bytes read of a token issuer's answer.
const TOKEN_ANSWER: usize = 64 * 1024;

/// Sends to endpoints.
pub struct Egress {
    names: Arc<Names>,
    deadline: Duration,
    /// Shared by all endpoints without a certificate or proxy of their own.
    client: Client,
    clients: EndpointClients,
}

impl Egress {
    /// Returns an egress with a target policy. `deadline` covers name resolution, connection, headers and body.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(policy: Arc<TargetPolicy>, deadline: Duration) -> Result<Self, EgressError> {
        Self::with_lookup(policy, deadline, Arc::new(SystemLookup))
    }

    /// Returns an egress with its own name resolution.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn with_lookup(
        policy: Arc<TargetPolicy>,
        deadline: Duration,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, EgressError> {
        let names = Names::new(policy, lookup);
        let client = client::build(&names, deadline, &Transport::default()).map_err(unbuilt)?;
        Ok(Self { names, deadline, client, clients: EndpointClients::default() })
    }

    /// Longest duration of one send.
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Returns the endpoint's prepared client, which is rebuilt when its configuration has changed.
    pub(super) fn prepare(&self, endpoint: &Endpoint) -> Result<Arc<EndpointClient>, EgressError> {
        let earlier = self.clients.get(endpoint.id);
        if let Some(prepared) = &earlier
            && prepared.route.is_of(endpoint)
        {
            return Ok(Arc::clone(prepared));
        }
        let route = Route::prepare(endpoint, self.names.policy())?;
        let transport = route.transport();
        // Unchanged parts are kept: open connections, and a valid token.
        let same_client = earlier.as_ref().filter(|prepared| client::is_same(prepared.route.transport(), transport));
        let client = match same_client {
            _ if client::is_same(transport, &Transport::default()) => self.client.clone(),
            Some(prepared) => prepared.client.clone(),
            None => client::build(&self.names, self.deadline, transport).map_err(unbuilt)?,
        };
        let same_tokens = earlier.as_ref().filter(|prepared| prepared.route.transport().auth == transport.auth);
        let tokens = match same_tokens {
            Some(prepared) => prepared.tokens.clone(),
            None => Tokens::of(transport.auth.as_ref(), self.names.policy())?.map(Arc::new),
        };
        Ok(self.clients.put(endpoint, Arc::new(EndpointClient { route, client, tokens })))
    }

    /// Posts a message.
    ///
    /// # Errors
    /// When there is no complete answer. An answer with an error status is not an error here.
    pub(super) async fn post(
        &self,
        prepared: &EndpointClient,
        mut headers: HeaderMap,
        message: Composed,
        now: Timestamp,
    ) -> Result<Answer, EgressError> {
        let end = Instant::now() + self.deadline;
        let token = match &prepared.tokens {
            Some(tokens) => Some((tokens, self.token(prepared, tokens, end, now).await?)),
            None => None,
        };
        if let Some((_, token)) = &token {
            headers.insert(AUTHORIZATION, token.header.clone());
        }
        let limit = if message.method.is_some() { API_ANSWER } else { ANSWER };
        let mut request = Request::new(Method::POST, prepared.route.url_of(message.method));
        *request.headers_mut() = headers;
        *request.body_mut() = Some(message.body.into());
        let answer = self.exchange(prepared, request, limit, end, now).await?;
        if let Some((tokens, token)) = &token {
            tokens.note_status(token, answer.status)?;
        }
        Ok(answer)
    }

    /// Posts to a response URL that an endpoint's target sent, through the endpoint's proxy and certificates. The URL
    /// is checked like any target, and receives none of the endpoint's headers or credentials.
    ///
    /// # Errors
    /// As [`Self::post`], and when the URL is not allowed.
    pub(super) async fn post_to(
        &self,
        prepared: &EndpointClient,
        url: &str,
        body: String,
        now: Timestamp,
    ) -> Result<Answer, EgressError> {
        let mut request = Request::new(Method::POST, self.names.policy().check_url(url)?);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        *request.body_mut() = Some(body.into());
        self.exchange(prepared, request, ANSWER, Instant::now() + self.deadline, now).await
    }

    async fn token(
        &self,
        prepared: &EndpointClient,
        tokens: &Tokens,
        end: Instant,
        now: Timestamp,
    ) -> Result<Arc<Token>, EgressError> {
        let token = tokens.get(now, |request| self.exchange(prepared, request, TOKEN_ANSWER, end, now));
        let late = |_| Err(tokens.failure(&EgressError::Timeout(self.deadline).to_string()));
        timeout_at(end, token).await.unwrap_or_else(late)
    }

    async fn exchange(
        &self,
        prepared: &EndpointClient,
        request: Request,
        limit: usize,
        end: Instant,
        now: Timestamp,
    ) -> Result<Answer, EgressError> {
        let proxy = prepared.route.transport().proxy.as_ref();
        let way = match (proxy, request.url().scheme()) {
            (None, _) => Way::Direct,
            (Some(_), "https") => Way::Tunnelled,
            (Some(_), _) => Way::Forwarded,
        };
        let name = request.url().domain().map(str::to_owned);
        let unresolved = || self.unresolved(name.as_deref(), proxy.map(|proxy| proxy.expose()));
        let fault = |error: reqwest::Error| match error.is_timeout().then(unresolved).flatten() {
            Some(unresolved) => unresolved,
            None => EgressError::of(&error, way),
        };
        let talk = async {
            if let (Some(name), true) = (&name, way != Way::Direct) {
                self.check_behind_proxy(name).await?;
            }
            let response = prepared.client.execute(request).await.map_err(fault)?;
            Answer::read(response, limit, now).await.map_err(fault)
        };
        let Ok(message) = timeout_at(end, talk).await else {
            return Err(unresolved().unwrap_or(EgressError::Timeout(self.deadline)));
        };
        let answer = message?;
        // A forwarding proxy answers in place of the target: it requires a password, or cannot reach the target.
        match answer.status {
            status @ (407 | 502 | 504) if way == Way::Forwarded => {
                Err(EgressError::Proxy(format!("it answered {status}")))
            }
            _ => Ok(answer),
        }
    }

    /// Checks a target's name before a proxy, which resolves it itself, receives it. A name with an internal address,
    /// or one that the hub cannot resolve, is rejected unless an operator allowed it.
    async fn check_behind_proxy(&self, name: &str) -> Result<(), EgressError> {
        if self.names.policy().opens_name(name) {
            return Ok(());
        }
        self.names.judged(name).await.map(drop).map_err(|error| match error {
            NameError::Target(refused) => EgressError::Target(refused),
            NameError::Exhausted(why) => EgressError::Exhausted(why),
            NameError::Unknown(why) => EgressError::Resolve(format!(
                "{why}; a name that the hub cannot resolve is passed to a proxy only if COUNTERSIGN_ALLOW_TARGETS lists it"
            )),
        })
    }

    /// Returns the error for a name server that did not answer in time, if that is why the deadline passed.
    fn unresolved(&self, name: Option<&str>, proxy: Option<&str>) -> Option<EgressError> {
        let unanswered = || "no answer from the name server in time".to_owned();
        if name.is_some_and(|name| self.names.is_resolving(name)) {
            return Some(EgressError::Resolve(unanswered()));
        }
        let proxy = proxy.and_then(|text| Url::parse(text).ok());
        let is_pending = proxy.as_ref().and_then(Url::domain).is_some_and(|name| self.names.is_resolving(name));
        is_pending.then(|| EgressError::Proxy(unanswered()))
    }
}

fn unbuilt(error: reqwest::Error) -> EgressError {
    EgressError::Setup(error::text(&error))
}
