//! A prepared endpoint: its URL is checked, its headers are built, its secrets are decoded. This is done once per
//! configuration, since it costs more than the rest of a send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use url::Url;

use super::signature::Signer;
use crate::channels::Declaration;
use crate::delivery::{EgressError, TargetPolicy};
use crate::store::endpoints::{Endpoint, Format, RetiringSecret};
use crate::store::transport::{Auth, Transport};
use crate::time::Timestamp;

/// The parts of a send that are the same for all messages to an endpoint.
pub struct Route {
    pub(in crate::delivery) url: Url,
    headers: HeaderMap,
    signer: Option<Signer>,
    of: Configuration,
}

/// The configuration that a route was prepared from.
struct Configuration {
    url: String,
    secret: Option<String>,
    retiring: Vec<RetiringSecret>,
    transport: Transport,
    format: Format,
}

impl Route {
    /// Prepares sends to an endpoint.
    ///
    /// # Errors
    /// When the URL of the endpoint or its proxy is not allowed, or a stored value is invalid.
    pub fn prepare(endpoint: &Endpoint, policy: &TargetPolicy) -> Result<Self, EgressError> {
        let url = with_query(policy.check_url(endpoint.url.expose_secret())?, Declaration::of(endpoint.channel).query);
        if let Some(proxy) = &endpoint.transport.proxy {
            check_proxy(proxy.expose(), policy)?;
        }
        let of = Configuration {
            url: endpoint.url.expose_secret().to_owned(),
            secret: endpoint.secret.as_ref().map(|secret| secret.expose_secret().to_owned()),
            retiring: endpoint.retiring.clone(),
            transport: endpoint.transport.clone(),
            format: endpoint.format,
        };
        let headers = headers(endpoint)?;
        let signer = Signer::of(endpoint).map_err(|error| EgressError::Setup(error.to_string()))?;
        Ok(Self { url, headers, signer, of })
    }

    /// Whether it was prepared from the endpoint's current configuration.
    pub fn is_of(&self, endpoint: &Endpoint) -> bool {
        self.of.url == endpoint.url.expose_secret()
            && self.of.secret.as_deref() == endpoint.secret.as_ref().map(|secret| secret.expose_secret())
            && self.of.retiring == endpoint.retiring
            && self.of.transport == endpoint.transport
            && self.of.format == endpoint.format
    }

    /// The endpoint's transport.
    pub const fn transport(&self) -> &Transport {
        &self.of.transport
    }

    /// The URL of a message, or of an API method, which is a path below the endpoint's URL.
    pub(in crate::delivery) fn url_of(&self, method: Option<&str>) -> Url {
        let mut url = self.url.clone();
        if let (Some(method), Ok(mut path)) = (method, url.path_segments_mut()) {
            path.pop_if_empty().push(method);
        }
        url
    }

    /// The headers of one message, with its signature.
    pub(in crate::delivery) fn signed(&self, id: &str, now: Timestamp, body: &str) -> Result<HeaderMap, EgressError> {
        let mut headers = self.headers.clone();
        let Some(signer) = &self.signer else { return Ok(headers) };
        headers.insert(HeaderName::from_static("webhook-id"), value(id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(now.as_seconds()));
        headers.insert(HeaderName::from_static("webhook-signature"), value(&signer.sign(id, now, body))?);
        Ok(headers)
    }
}

/// Adds the query parameters that the channel needs and the URL lacks. Existing ones stay unchanged.
fn with_query(mut url: Url, wanted: &[(&str, &str)]) -> Url {
    for (name, value) in wanted {
        if !url.query_pairs().any(|(known, _)| known == *name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url
}

/// Checks a proxy's URL like a target's, except that it may contain a user name and password.
pub(in crate::delivery) fn check_proxy(text: &str, policy: &TargetPolicy) -> Result<Url, EgressError> {
    let bare = match text.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => text.to_owned(),
    };
    Ok(policy.check_url(&bare)?)
}

fn headers(endpoint: &Endpoint) -> Result<HeaderMap, EgressError> {
    let transport = &endpoint.transport;
    let mut headers = HeaderMap::new();
    for (name, text) in &transport.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| EgressError::Setup(error.to_string()))?;
        headers.insert(name, secret(text.expose())?);
    }
    match &transport.auth {
        Some(Auth::Basic { username, password }) => {
            headers.insert(AUTHORIZATION, basic(username, password.expose())?);
        }
        Some(Auth::Bearer { token }) => {
            headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", token.expose()))?);
        }
        // The token is fetched by the send.
        Some(Auth::Oauth2 { .. }) | None => {}
    }
    // JSON is always UTF-8 (RFC 8259 §8.1), but some services assume another charset without this, and Slack warns.
    let kind = match endpoint.format {
        Format::Standard if Declaration::of(endpoint.channel).is_chat() => "application/json; charset=utf-8",
        Format::Standard => "application/json",
        Format::Cloudevents => "application/cloudevents+json",
    };
    if let Some(app) = &transport.slack {
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", app.bot_token.expose()))?);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Answers are short and never decompressed, so a decompression bomb is impossible.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// The value of basic authentication (RFC 7617).
pub(in crate::delivery) fn basic(username: &str, password: &str) -> Result<HeaderValue, EgressError> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

/// A header value that is never logged.
pub(in crate::delivery) fn secret(text: &str) -> Result<HeaderValue, EgressError> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn value(text: &str) -> Result<HeaderValue, EgressError> {
    HeaderValue::from_str(text).map_err(|error| EgressError::Setup(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_query_parameters_of_a_channel_are_added() {
        let with = |url: &str| with_query(url.parse().expect("a URL"), &[("wait", "true")]).to_string();
        assert_eq!(with("https://x.example/a"), "https://x.example/a?wait=true");
        assert_eq!(with("https://x.example/a?thread_id=1&wait=false"), "https://x.example/a?thread_id=1&wait=false");
        let opaque = "https://x.example/a%20b?sp=%2Ftriggers%2Fm&sig=a%2fb";
        assert_eq!(with_query(opaque.parse().expect("a URL"), &[]).to_string(), opaque);
    }
}
