//! HTTP clients: a shared one, and one for each endpoint with its own certificates or proxy.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy};
use url::Url;

use super::dns::{JudgedResolver, Names};
use crate::store::transport::{ClientCertificate, Transport};

/// Maximum idle connections per host.
const IDLE: usize = 64;
/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Default `User-Agent`.
const DEFAULT_USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

/// Builds the client for a transport. Connecting may take nearly the whole deadline: the error then says that
/// connecting failed.
pub(super) fn build(names: &Arc<Names>, deadline: Duration, transport: &Transport) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .dns_resolver(Arc::new(JudgedResolver(Arc::clone(names))))
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        // An unresponsive connection is closed with its one request. With HTTP/2 it would affect all others that share
        // it.
        .http1_only()
        .connect_timeout(deadline.mul_f32(0.9))
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(IDLE)
        .user_agent(DEFAULT_USER_AGENT);
    let builder = with_authorities(builder, transport.ca_certificate.as_deref())?;
    let builder = with_identity(builder, transport.client_certificate.as_ref())?;
    match &transport.proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy.expose())?),
        None => builder,
    }
    .build()
}

/// The headers that the client adds to a message that does not have them.
pub(in crate::delivery) fn added(url: &Url, body: &str) -> HeaderMap {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("*/*")),
        (CONTENT_LENGTH, HeaderValue::from(body.len())),
        (USER_AGENT, HeaderValue::from_static(DEFAULT_USER_AGENT)),
    ]);
    headers.extend(HeaderValue::try_from(host).ok().map(|host| (HOST, host)));
    headers
}

/// Whether two transports can share a client.
pub(super) fn is_same(one: &Transport, other: &Transport) -> bool {
    one.proxy == other.proxy
        && one.ca_certificate == other.ca_certificate
        && one.client_certificate == other.client_certificate
}

/// Adds trusted certificates.
pub(in crate::delivery) fn with_authorities(
    builder: ClientBuilder,
    pem: Option<&str>,
) -> reqwest::Result<ClientBuilder> {
    let Some(pem) = pem else { return Ok(builder) };
    let known = Certificate::from_pem_bundle(pem.as_bytes())?;
    Ok(known.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

/// Adds a client certificate.
pub(in crate::delivery) fn with_identity(
    builder: ClientBuilder,
    own: Option<&ClientCertificate>,
) -> reqwest::Result<ClientBuilder> {
    let Some(own) = own else { return Ok(builder) };
    let pem = format!("{}\n{}", own.certificate, own.key.expose());
    Ok(builder.identity(Identity::from_pem(pem.as_bytes())?))
}
