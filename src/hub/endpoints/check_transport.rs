//! What cannot be meant of how an endpoint is reached.

use url::Url;

use crate::delivery::TargetPolicy;
use crate::hub::HubError;
use crate::store::transport::{Auth, Transport};

/// Most headers of an endpoint's own.
const MAX_HEADERS: usize = 20;
/// Longest name or value of a header, user name, password, token or scope.
const MAX_TEXT: usize = 4 * 1024;
/// Longest certificate or key, with all that lead to a known one.
const MAX_PEM: usize = 64 * 1024;
/// Headers that say how the message is framed, or that the hub itself speaks by.
const RESERVED: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Refuses a transport that cannot be meant, with the part of it that is wrong.
pub(super) fn check_transport(transport: &Transport, targets: &TargetPolicy) -> Result<(), HubError> {
    check_headers(transport)?;
    if let Some(auth) = &transport.auth {
        check_auth(auth, targets)?;
    }
    if let Some(own) = &transport.client_certificate {
        check_pem("/client_certificate/certificate", &own.certificate, "CERTIFICATE-----")?;
        check_pem("/client_certificate/key", own.key.expose(), "PRIVATE KEY-----")?;
    }
    if let Some(pem) = &transport.ca_certificate {
        check_pem("/ca_certificate", pem, "CERTIFICATE-----")?;
    }
    if let Some(proxy) = &transport.proxy {
        check_proxy(proxy.expose(), targets)?;
    }
    check_pace(transport)
}

fn refused(pointer: impl Into<String>, detail: impl Into<String>) -> HubError {
    HubError::invalid("invalid_transport", pointer, detail)
}

fn check_headers(transport: &Transport) -> Result<(), HubError> {
    if transport.headers.len() > MAX_HEADERS {
        return Err(refused("/headers", format!("at most {MAX_HEADERS} headers")));
    }
    for (name, value) in &transport.headers {
        let pointer = format!("/headers/{name}");
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > MAX_TEXT || !name.bytes().all(is_token) {
            return Err(refused(pointer, "this is no name of a header"));
        }
        if RESERVED.contains(&name.as_str()) || name.starts_with("webhook-") {
            return Err(refused(pointer, format!("{name} is the hub's own to set")));
        }
        if name == "authorization" && transport.auth.is_some() {
            return Err(refused(pointer, "auth sets this header: give one of the two"));
        }
        if value.expose().len() > MAX_TEXT || !value.expose().bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(refused(pointer, format!("a value is visible ASCII of at most {MAX_TEXT} characters")));
        }
    }
    Ok(())
}

fn check_auth(auth: &Auth, targets: &TargetPolicy) -> Result<(), HubError> {
    match auth {
        Auth::Basic { username, password } => {
            if username.contains(':') {
                return Err(refused("/auth/username", "a user name has no colon"));
            }
            check_text("/auth/username", username)?;
            check_text("/auth/password", password.expose())
        }
        Auth::Bearer { token } if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(refused("/auth/token", "a token is visible ASCII without spaces"))
        }
        Auth::Bearer { token } => check_text("/auth/token", token.expose()),
        Auth::Oauth2 { token_url, client_id, client_secret, scope } => {
            let url = targets.check_url(token_url);
            url.map_err(|error| HubError::invalid("invalid_url", "/auth/token_url", error.to_string()))?;
            check_text("/auth/client_id", client_id)?;
            check_text("/auth/client_secret", client_secret.expose())?;
            scope.as_ref().map_or(Ok(()), |scope| check_text("/auth/scope", scope))
        }
    }
}

fn check_text(pointer: &str, text: &str) -> Result<(), HubError> {
    if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(refused(pointer, format!("this has 1 to {MAX_TEXT} bytes, and no control characters")));
    }
    Ok(())
}

/// Whether it looks like PEM; what it holds shows when the connection is made.
fn check_pem(pointer: &str, pem: &str, ends: &str) -> Result<(), HubError> {
    let marked = |begin: &str| pem.lines().any(|line| line.starts_with(begin) && line.trim_end().ends_with(ends));
    if pem.len() > MAX_PEM || !marked("-----BEGIN ") || !marked("-----END ") {
        let detail = format!("this is PEM of at most {MAX_PEM} bytes: -----BEGIN …{ends}, base64, -----END …{ends}");
        return Err(refused(pointer, detail));
    }
    Ok(())
}

/// A proxy is a target too; unlike others it may want a user and a password.
fn check_proxy(proxy: &str, targets: &TargetPolicy) -> Result<(), HubError> {
    let bare = Url::parse(proxy).ok().and_then(|mut url| {
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        Some(url.to_string())
    });
    let checked = targets.check_url(bare.as_deref().unwrap_or_default());
    checked.map(drop).map_err(|error| HubError::invalid("invalid_url", "/proxy", error.to_string()))
}

fn check_pace(transport: &Transport) -> Result<(), HubError> {
    let is_schedule = |waits: &Vec<u32>| (1..=30).contains(&waits.len()) && waits.iter().all(|wait| *wait <= 604_800);
    if !transport.schedule.as_ref().is_none_or(is_schedule) {
        return Err(refused("/schedule", "a schedule is 1 to 30 waits of 0 to 604800 seconds"));
    }
    if transport.rate_per_second.is_some_and(|rate| !(0.01..=10_000.0).contains(&rate)) {
        return Err(refused("/rate_per_second", "a rate is 0.01 to 10000 messages a second"));
    }
    if transport.concurrency.is_some_and(|count| !(1..=256).contains(&count)) {
        return Err(refused("/concurrency", "1 to 256 messages may be under way at once"));
    }
    Ok(())
}
