//! The cookies of sign-in. Their names begin with `__Host-`, so browsers accept them only over HTTPS or from this machine,
//! and send them to this host alone (RFC 6265bis §4.1.3.2).

use axum::http::{HeaderMap, HeaderValue, header};

/// The secret of the browser's session.
pub(super) const SESSION: &str = "__Host-countersign-session";
/// Ties the forms of someone who has not signed in to their browser.
pub(super) const FORM: &str = "__Host-countersign-form";
/// The secret of what was typed into a page before the sign-in.
pub(super) const DRAFT: &str = "__Host-countersign-draft";

/// Ties a sign-in at the identity provider to the browser.
pub(super) const OIDC: &str = "__Host-countersign-oidc";

/// Longest value that is looked at.
const MAX_VALUE: usize = 200;

/// The value of a cookie. None if it is sent twice: one of them may be from another page of the same site.
pub(super) fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut values = sent.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then_some(value.trim())
    });
    let value = values.next().filter(|value| value.len() <= MAX_VALUE && !value.is_empty());
    value.filter(|_| values.next().is_none())
}

/// A `Set-Cookie` value: `seconds` is how long the browser keeps it.
pub(super) fn set(name: &'static str, value: &str, seconds: i64) -> Option<HeaderValue> {
    // `Lax`: a browser that comes back from the identity provider sends it. `Strict` would be lost there.
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax");
    HeaderValue::try_from(text).ok()
}

/// A `Set-Cookie` value that deletes a cookie.
pub(super) fn delete(name: &'static str) -> Option<HeaderValue> {
    set(name, "", 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_cookie_is_read_among_others_and_not_when_there_are_two() {
        let headers = sent(&["a=b; __Host-countersign-session=css_1; c=d"]);
        assert_eq!(read(&headers, SESSION), Some("css_1"));
        assert_eq!(read(&headers, FORM), None);
        let twice = sent(&["__Host-countersign-session=css_1", "__Host-countersign-session=css_2"]);
        assert_eq!(read(&twice, SESSION), None);
        assert_eq!(read(&sent(&["__Host-countersign-session="]), SESSION), None);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_not_for_scripts() {
        let text = set(SESSION, "css_1", 60).unwrap();
        assert_eq!(
            text.to_str().unwrap(),
            "__Host-countersign-session=css_1; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"
        );
    }
}
