//! An endpoint, made ready to be sent to: its URL judged, its headers built, its secrets decoded. Once per configuration, since
//! it would cost more than the rest of a send.

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

/// What a send to an endpoint needs that no message changes.
pub struct Route {
    pub(in crate::delivery) url: Url,
    headers: HeaderMap,
    signer: Option<Signer>,
    of: Configuration,
}

/// What a route was made from.
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
    /// When its URL, or its proxy's, may not be called, or something stored of it cannot be used.
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

    /// Whether it is what the endpoint would be made into now.
    pub fn is_of(&self, endpoint: &Endpoint) -> bool {
        self.of.url == endpoint.url.expose_secret()
            && self.of.secret.as_deref() == endpoint.secret.as_ref().map(|secret| secret.expose_secret())
            && self.of.retiring == endpoint.retiring
            && self.of.transport == endpoint.transport
            && self.of.format == endpoint.format
    }

    /// How it is reached.
    pub const fn transport(&self) -> &Transport {
        &self.of.transport
    }

    /// Where a message goes, or a call of an API whose methods stand below the endpoint's URL.
    pub(in crate::delivery) fn url_of(&self, method: Option<&str>) -> Url {
        let mut url = self.url.clone();
        if let (Some(method), Ok(mut path)) = (method, url.path_segments_mut()) {
            path.pop_if_empty().push(method);
        }
        url
    }

    /// The headers of one message.
    pub(in crate::delivery) fn signed(&self, id: &str, now: Timestamp, body: &str) -> Result<HeaderMap, EgressError> {
        let mut headers = self.headers.clone();
        let Some(signer) = &self.signer else { return Ok(headers) };
        headers.insert(HeaderName::from_static("webhook-id"), value(id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), HeaderValue::from(now.as_seconds()));
        headers.insert(HeaderName::from_static("webhook-signature"), value(&signer.sign(id, now, body))?);
        Ok(headers)
    }
}

/// Adds the parameters that the channel wants and the URL does not have; what it has is left as it is.
fn with_query(mut url: Url, wanted: &[(&str, &str)]) -> Url {
    for (name, value) in wanted {
        if !url.query_pairs().any(|(known, _)| known == *name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url
}

/// Judges a proxy's URL as a target's, but for the user and password that may stand in it.
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
        // Its token is fetched when it is needed.
        Some(Auth::Oauth2 { .. }) | None => {}
    }
    // JSON is UTF-8 (RFC 8259 §8.1), but there are services that take text for something else unless told, and Slack warns.
    let kind = match endpoint.format {
        Format::Standard if Declaration::of(endpoint.channel).is_chat() => "application/json; charset=utf-8",
        Format::Standard => "application/json",
        Format::Cloudevents => "application/cloudevents+json",
    };
    if let Some(app) = &transport.slack {
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", app.bot_token.expose()))?);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Nothing is unpacked: answers are a few words, and what is never unpacked cannot swell.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

/// RFC 7617.
pub(in crate::delivery) fn basic(username: &str, password: &str) -> Result<HeaderValue, EgressError> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

/// A header's value that no log shows.
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
    fn a_channels_parameters_are_added_where_they_are_absent() {
        let with = |url: &str| with_query(url.parse().expect("a URL"), &[("wait", "true")]).to_string();
        assert_eq!(with("https://x.example/a"), "https://x.example/a?wait=true");
        assert_eq!(with("https://x.example/a?thread_id=1&wait=false"), "https://x.example/a?thread_id=1&wait=false");
        let opaque = "https://x.example/a%20b?sp=%2Ftriggers%2Fm&sig=a%2fb";
        assert_eq!(with_query(opaque.parse().expect("a URL"), &[]).to_string(), opaque);
    }
}
