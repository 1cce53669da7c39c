//! Whether what is configured of an endpoint's transport can be used, said where it is configured.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName};
use reqwest::{Certificate, Client, ClientBuilder};

use super::prepared::check_proxy;
use super::{with_authorities, with_identity};
use crate::delivery::target::TargetPolicy;
use crate::store::transport::{Auth, SlackApp, Transport};

/// Most headers of an endpoint's own.
const HEADERS: usize = 20;
/// Longest value of one, and of anything else that goes into a header.
const VALUE: usize = 4_096;
/// Longest PEM text.
const PEM: usize = 64 * 1024;
/// Most waits of a schedule.
const WAITS: usize = 30;
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);

/// Headers that are the hub's or the connection's to set.
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

/// What cannot be used, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct TransportError {
    /// A JSON pointer that begins at the transport.
    pub pointer: String,
    /// Why, without any secret.
    pub detail: String,
}

type Checked = Result<(), TransportError>;

/// Checks all of a transport, but for what only a connection tells.
///
/// # Errors
/// The first thing that cannot be used.
pub fn check_transport(transport: &Transport, policy: &TargetPolicy) -> Checked {
    check_headers(transport)?;
    if let Some(auth) = &transport.auth {
        check_auth(auth, policy)?;
    }
    check_certificates(transport)?;
    if let Some(proxy) = &transport.proxy {
        let url = check_proxy(proxy.expose(), policy).map_err(|error| refused("/proxy", error.to_string()))?;
        held(url.path() == "/" && url.query().is_none(), "/proxy", "a proxy's URL has no path")?;
        reqwest::Proxy::all(proxy.expose()).map_err(|_| refused("/proxy", "not the URL of a proxy"))?;
    }
    if let Some(app) = &transport.slack {
        check_slack(app, transport)?;
    }
    check_pace(transport)
}

fn refused(pointer: impl Into<String>, detail: impl Into<String>) -> TransportError {
    TransportError { pointer: pointer.into(), detail: detail.into() }
}

fn held(holds: bool, pointer: &str, detail: &str) -> Checked {
    if holds { Ok(()) } else { Err(refused(pointer, detail)) }
}

fn check_headers(transport: &Transport) -> Checked {
    held(transport.headers.len() <= HEADERS, "/headers", &format!("at most {HEADERS} headers"))?;
    for (name, value) in &transport.headers {
        let pointer = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().filter(|parsed| parsed.as_str() == name);
        let parsed = parsed.ok_or_else(|| refused(&*pointer, "not a lower-case header name"))?;
        let taken = RESERVED.contains(&parsed.as_str()) || name.starts_with("webhook-") || name.starts_with("proxy-");
        held(!taken, &pointer, "the hub sets this header itself")?;
        let twice = parsed == AUTHORIZATION && transport.auth.is_some();
        held(!twice, &pointer, "auth sets this header: name one of the two")?;
        held(
            is_printable(value.expose()),
            &pointer,
            &format!("a value is at most {VALUE} printable ASCII characters"),
        )?;
    }
    Ok(())
}

/// RFC 9110 §5.5, without what is only there for old times' sake.
fn is_printable(text: &str) -> bool {
    let edge = text.starts_with(' ') || text.ends_with(' ');
    text.len() <= VALUE && !edge && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn check_auth(auth: &Auth, policy: &TargetPolicy) -> Checked {
    let plain = |text: &str| !text.is_empty() && text.len() <= VALUE && !text.chars().any(char::is_control);
    match auth {
        Auth::Basic { username, password } => {
            let name = plain(username) && !username.contains(':');
            held(name, "/auth/username", "a user name is not empty and holds no colon")?;
            held(plain(password.expose()), "/auth/password", "a password is not empty and holds no control characters")
        }
        Auth::Bearer { token } => {
            let text = token.expose();
            let holds = !text.is_empty() && is_printable(text) && !text.contains(' ');
            held(holds, "/auth/token", &format!("a token is at most {VALUE} printable ASCII characters without spaces"))
        }
        Auth::Oauth2 { token_url, client_id, client_secret, scope } => {
            policy.check_url(token_url).map_err(|error| refused("/auth/token_url", error.to_string()))?;
            held(plain(client_id), "/auth/client_id", "it is not empty and holds no control characters")?;
            let detail = "it is not empty and holds no control characters";
            held(plain(client_secret.expose()), "/auth/client_secret", detail)?;
            let printable = scope.as_deref().is_none_or(|scope| !scope.is_empty() && is_printable(scope));
            held(printable, "/auth/scope", "a scope is printable ASCII")
        }
    }
}

fn check_slack(app: &SlackApp, transport: &Transport) -> Checked {
    let held_by_token = transport.auth.is_none() && !transport.headers.contains_key(AUTHORIZATION.as_str());
    held(held_by_token, "/auth", "a Slack app says who it is by its bot token: leave auth and authorization out")?;
    let token = app.bot_token.expose();
    let is_token = !token.is_empty() && is_printable(token) && !token.contains(' ');
    held(is_token, "/slack/bot_token", "the bot token of the app's OAuth page, xoxb-…")?;
    let secret = app.signing_secret.expose();
    let is_secret = (16..=256).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    held(is_secret, "/slack/signing_secret", "the signing secret of the app's page of basic information")?;
    let is_name = |text: &str| text.strip_prefix('#').is_some_and(|name| !name.is_empty() && name.len() <= 80);
    let is_channel = is_slack_id(&app.channel, &['C', 'G', 'D']) || is_name(&app.channel);
    held(is_channel, "/slack/channel", "a channel's id, such as C0123ABCD, or #name")?;
    let is_team = app.team.as_deref().is_none_or(|team| is_slack_id(team, &['T', 'E']));
    held(is_team, "/slack/team", "a workspace's id, such as T0123ABCD")
}

/// Whether it looks like one of Slack's ids of those kinds.
fn is_slack_id(text: &str, kinds: &[char]) -> bool {
    text.strip_prefix(kinds).is_some_and(|rest| {
        (1..=30).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

fn check_certificates(transport: &Transport) -> Checked {
    // Only a client finds out whether a key belongs to its certificate.
    let usable = |builder: reqwest::Result<ClientBuilder>| builder.and_then(ClientBuilder::build).is_ok();
    if let Some(pem) = &transport.ca_certificate {
        let some =
            pem.len() <= PEM && Certificate::from_pem_bundle(pem.as_bytes()).is_ok_and(|found| !found.is_empty());
        let holds = some && usable(with_authorities(Client::builder(), Some(pem)));
        held(holds, "/ca_certificate", "expected PEM with at least one certificate")?;
    }
    if let Some(own) = &transport.client_certificate {
        let some = Certificate::from_pem_bundle(own.certificate.as_bytes()).is_ok_and(|found| !found.is_empty());
        let short = own.certificate.len() <= PEM && own.key.expose().len() <= PEM;
        let certificate = "/client_certificate/certificate";
        held(some && short, certificate, "expected PEM with at least one certificate, the client's own first")?;
        let detail = "expected PEM with the certificate's private key, not encrypted: PKCS #8, RSA or EC";
        held(usable(with_identity(Client::builder(), Some(own))), "/client_certificate/key", detail)?;
    }
    Ok(())
}

fn check_pace(transport: &Transport) -> Checked {
    if let Some(waits) = &transport.schedule {
        held((1..=WAITS).contains(&waits.len()), "/schedule", &format!("1 to {WAITS} waits"))?;
        for (index, wait) in waits.iter().enumerate() {
            let short = Duration::from_secs((*wait).into()) <= LONGEST_WAIT;
            held(short, &format!("/schedule/{index}"), "a wait is at most 604800 seconds, which are 7 days")?;
        }
    }
    let rate = transport.rate_per_second.is_none_or(|rate| (0.01..=10_000.0).contains(&rate));
    held(rate, "/rate_per_second", "0.01 to 10000")?;
    let concurrency = transport.concurrency.is_none_or(|most| (1..=256).contains(&most));
    held(concurrency, "/concurrency", "1 to 256")
}
