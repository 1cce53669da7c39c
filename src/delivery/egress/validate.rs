//! Validates an endpoint's transport when it is configured.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName};
use reqwest::{Certificate, Client, ClientBuilder};

use super::prepared::check_proxy;
use super::{with_authorities, with_identity};
use crate::delivery::target::TargetPolicy;
use crate::store::transport::{Auth, SlackApp, Transport};

/// Maximum number of an endpoint's own headers.
const HEADERS: usize = 20;
/// Longest value of a header, and of a part of one.
const VALUE: usize = 4_096;
/// Longest PEM text, in bytes.
const PEM: usize = 64 * 1024;
/// Maximum number of delays in a retry schedule.
const WAITS: usize = 30;
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// Headers that only the hub or the connection sets.
const RESERVED: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// An invalid field of a transport.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct TransportError {
    /// A JSON pointer, relative to the transport.
    pub pointer: String,
    /// The reason, without any secret.
    pub detail: String,
}

type Checked = Result<(), TransportError>;

/// Validates a transport, as far as that is possible without a connection.
///
/// # Errors
/// The first invalid field.
pub fn check_transport(transport: &Transport, policy: &TargetPolicy) -> Checked {
    check_headers(transport)?;
    if let Some(auth) = &transport.auth {
        check_auth(auth, policy)?;
    }
    check_certificates(transport)?;
    if let Some(proxy) = &transport.proxy {
        let url = check_proxy(proxy.expose(), policy).map_err(|error| refused("/proxy", error.to_string()))?;
        ensure(url.path() == "/" && url.query().is_none(), "/proxy", "a proxy's URL must not have a path or query")?;
        reqwest::Proxy::all(proxy.expose()).map_err(|_| refused("/proxy", "not a valid proxy URL"))?;
    }
    if let Some(app) = &transport.slack {
        check_slack(app, transport)?;
    }
    check_pace(transport)
}

fn refused(pointer: impl Into<String>, detail: impl Into<String>) -> TransportError {
    TransportError { pointer: pointer.into(), detail: detail.into() }
}

fn ensure(holds: bool, pointer: &str, detail: &str) -> Checked {
    if holds { Ok(()) } else { Err(refused(pointer, detail)) }
}

fn check_headers(transport: &Transport) -> Checked {
    ensure(transport.headers.len() <= HEADERS, "/headers", &format!("at most {HEADERS} headers"))?;
    for (name, value) in &transport.headers {
        let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().filter(|parsed| parsed.as_str() == name);
        let parsed = parsed.ok_or_else(|| refused(&*pointer, "not a lower-case header name"))?;
        let taken = RESERVED.contains(&parsed.as_str()) || name.starts_with("webhook-") || name.starts_with("proxy-");
        ensure(!taken, &pointer, "the hub sets this header itself")?;
        let twice = parsed == AUTHORIZATION && transport.auth.is_some();
        ensure(!twice, &pointer, "auth sets this header too: use only one of the two")?;
        ensure(
            is_printable(value.expose()),
            &pointer,
            &format!("a value is at most {VALUE} printable ASCII characters"),
        )?;
    }
    Ok(())
}

/// Whether it is a header value by RFC 9110 §5.5, without the obsolete forms.
fn is_printable(text: &str) -> bool {
    let edge = text.starts_with(' ') || text.ends_with(' ');
    text.len() <= VALUE && !edge && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn check_auth(auth: &Auth, policy: &TargetPolicy) -> Checked {
    let plain = |text: &str| !text.is_empty() && text.len() <= VALUE && !text.chars().any(char::is_control);
    match auth {
        Auth::Basic { username, password } => {
            let name = plain(username) && !username.contains(':');
            ensure(name, "/auth/username", "a user name must not be empty or contain a colon")?;
            ensure(
                plain(password.expose()),
                "/auth/password",
                "a password must not be empty or contain control characters",
            )
        }
        Auth::Bearer { token } => {
            let text = token.expose();
            let holds = !text.is_empty() && is_printable(text) && !text.contains(' ');
            ensure(
                holds,
                "/auth/token",
                &format!("a token is at most {VALUE} printable ASCII characters without spaces"),
            )
        }
        Auth::Oauth2 { token_url, client_id, client_secret, scope } => {
            policy.check_url(token_url).map_err(|error| refused("/auth/token_url", error.to_string()))?;
            let detail = "it must not be empty or contain control characters";
            ensure(plain(client_id), "/auth/client_id", detail)?;
            ensure(plain(client_secret.expose()), "/auth/client_secret", detail)?;
            let printable = scope.as_deref().is_none_or(|scope| !scope.is_empty() && is_printable(scope));
            ensure(printable, "/auth/scope", "a scope is printable ASCII")
        }
    }
}

fn check_slack(app: &SlackApp, transport: &Transport) -> Checked {
    let has_no_other_auth = transport.auth.is_none() && !transport.headers.contains_key(AUTHORIZATION.as_str());
    ensure(has_no_other_auth, "/auth", "a Slack app authenticates with its bot token: remove auth and authorization")?;
    let token = app.bot_token.expose();
    let is_token = !token.is_empty() && is_printable(token) && !token.contains(' ');
    ensure(is_token, "/slack/bot_token", "expected the bot token (xoxb-…) from the app's OAuth page")?;
    let secret = app.signing_secret.expose();
    let is_secret = (16..=256).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    ensure(is_secret, "/slack/signing_secret", "expected the signing secret from the app's Basic Information page")?;
    let is_name = |text: &str| text.strip_prefix('#').is_some_and(|name| !name.is_empty() && name.len() <= 80);
    let is_channel = is_slack_id(&app.channel, &['C', 'G', 'D']) || is_name(&app.channel);
    ensure(is_channel, "/slack/channel", "expected a channel's id, such as C0123ABCD, or #name")?;
    let is_team = app.team.as_deref().is_none_or(|team| is_slack_id(team, &['T', 'E']));
    ensure(is_team, "/slack/team", "expected a workspace's id, such as T0123ABCD")
}

/// Whether it has the form of a Slack id of one of those kinds.
fn is_slack_id(text: &str, kinds: &[char]) -> bool {
    text.strip_prefix(kinds).is_some_and(|rest| {
        (1..=30).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

fn check_certificates(transport: &Transport) -> Checked {
    // Whether a key belongs to its certificate is checked only when a client is built.
    let usable = |builder: reqwest::Result<ClientBuilder>| builder.and_then(ClientBuilder::build).is_ok();
    if let Some(pem) = &transport.ca_certificate {
        let some =
            pem.len() <= PEM && Certificate::from_pem_bundle(pem.as_bytes()).is_ok_and(|found| !found.is_empty());
        let holds = some && usable(with_authorities(Client::builder(), Some(pem)));
        ensure(holds, "/ca_certificate", "expected PEM with at least one certificate")?;
    }
    if let Some(own) = &transport.client_certificate {
        let some = Certificate::from_pem_bundle(own.certificate.as_bytes()).is_ok_and(|found| !found.is_empty());
        let short = own.certificate.len() <= PEM && own.key.expose().len() <= PEM;
        let certificate = "/client_certificate/certificate";
        ensure(some && short, certificate, "expected PEM with at least one certificate, the client certificate first")?;
        let detail = "expected PEM with the certificate's unencrypted private key: PKCS #8, RSA or EC";
        ensure(usable(with_identity(Client::builder(), Some(own))), "/client_certificate/key", detail)?;
    }
    Ok(())
}

fn check_pace(transport: &Transport) -> Checked {
    if let Some(waits) = &transport.schedule {
        ensure((1..=WAITS).contains(&waits.len()), "/schedule", &format!("expected 1 to {WAITS} waits"))?;
        for (index, wait) in waits.iter().enumerate() {
            let short = Duration::from_secs((*wait).into()) <= LONGEST_WAIT;
            ensure(short, &format!("/schedule/{index}"), "a wait is at most 604800 seconds (7 days)")?;
        }
    }
    let rate = transport.rate_per_second.is_none_or(|rate| (0.01..=10_000.0).contains(&rate));
    ensure(rate, "/rate_per_second", "expected 0.01 to 10000")?;
    let concurrency = transport.concurrency.is_none_or(|most| (1..=256).contains(&most));
    ensure(concurrency, "/concurrency", "expected 1 to 256")
}
