//! Protects forms against cross-site requests (CSRF): a form must come from the hub's own page, and carry a nonce that
//! was made for this browser.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::App;
use super::cookies;
use crate::random;

/// Whether the form was posted by the hub's own page. With `Referrer-Policy: no-referrer`, browsers send `Origin: null`
/// also for the hub's own form, so `Sec-Fetch-Site` (Fetch Metadata, W3C) decides if it is present. The nonce protects in
/// any case.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    match text(headers, HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match (text(headers, header::ORIGIN), text(headers, header::HOST)) {
            (Some("null") | None, _) => true,
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
            (Some(_), None) => false,
        },
    }
}

/// Whether a browser shows that a page of the hub made the call: for calls without a nonce.
pub(super) fn is_shown_same_origin(headers: &HeaderMap) -> bool {
    let named = text(headers, HeaderName::from_static("sec-fetch-site")).is_some()
        || text(headers, header::ORIGIN).is_some_and(is_protected);
    named && is_same_origin(headers)
}

/// Whether nobody on the way can have written a page of that origin. Sessions exist over HTTPS and on this machine only; an
/// `http` page under the hub's name is somebody else's.
fn is_protected(origin: &str) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let host = rest.rsplit_once(':').map_or(rest, |(host, port)| if port.ends_with(']') { rest } else { host });
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    scheme == "https" || host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The nonce of a form of someone who has not signed in, and the cookie that it belongs to.
pub(super) struct AnonymousForm {
    pub(super) nonce: String,
    /// To be set, if the browser has none.
    pub(super) cookie: Option<HeaderValue>,
}

/// Starts a form of someone who has not signed in.
pub(super) fn anonymous(app: &App, headers: &HeaderMap) -> AnonymousForm {
    let (value, cookie) = match cookies::read(headers, cookies::FORM) {
        Some(known) => (known.to_owned(), None),
        None => {
            let value = random::secret_text();
            let cookie = cookies::set(cookies::FORM, &value, 86_400);
            (value, cookie)
        }
    };
    AnonymousForm { nonce: app.hub.form_nonce(&bound_to_browser(&value)), cookie }
}

/// Why a form is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormProblem {
    /// The browser did not send the cookie back that was set with the page.
    NoCookie,
    /// The form is too old, or it is not from the hub's page.
    Stale,
}

/// Checks a form of someone who has not signed in.
pub(super) fn check_anonymous(app: &App, headers: &HeaderMap, nonce: &str) -> Result<(), FormProblem> {
    let cookie = cookies::read(headers, cookies::FORM).ok_or(FormProblem::NoCookie)?;
    let is_genuine = is_same_origin(headers) && app.hub.check_form_nonce(&bound_to_browser(cookie), nonce);
    is_genuine.then_some(()).ok_or(FormProblem::Stale)
}

fn bound_to_browser(cookie: &str) -> String {
    format!("browser {cookie}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_call_shows_its_origin_or_it_does_not() {
        let host = ("host", "hub.example.com");
        for (headers, same, shown) in [
            (vec![host], true, false),
            (vec![host, ("origin", "null")], true, false),
            (vec![host, ("origin", "https://hub.example.com")], true, true),
            (vec![host, ("origin", "https://other.example.com")], false, false),
            // A page that somebody on the way has written.
            (vec![host, ("origin", "http://hub.example.com")], true, false),
            (vec![("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")], true, true),
            (vec![("host", "[::1]:8080"), ("origin", "http://[::1]:8080")], true, true),
            (vec![("host", "localhost"), ("origin", "http://localhost")], true, true),
            (vec![host, ("sec-fetch-site", "same-origin")], true, true),
            (vec![host, ("sec-fetch-site", "same-site")], false, false),
            (vec![host, ("sec-fetch-site", "cross-site"), ("origin", "https://hub.example.com")], false, false),
        ] {
            let headers = sent(&headers);
            assert_eq!((is_same_origin(&headers), is_shown_same_origin(&headers)), (same, shown), "{headers:?}");
        }
    }
}
