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
/// The reader's time zone, which a script sets.
pub(super) const ZONE: &str = "__Host-countersign-zone";

/// Longest value that is looked at.
const MAX_VALUE: usize = 200;

/// The value of a cookie. None if it is sent twice: one of them may be from another page of the same site. What other
/// cookies contain does not matter: hosts of the same domain may set any bytes.
pub(super) fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let sent = headers.get_all(header::COOKIE).iter();
    let pairs = sent.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.trim_ascii_start().strip_prefix(b"="));
    let value = values.next().map(<[u8]>::trim_ascii).filter(|value| value.len() <= MAX_VALUE && !value.is_empty());
    value.filter(|_| values.next().is_none()).and_then(|value| std::str::from_utf8(value).ok())
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
    use proptest::prelude::*;

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
        let mut neighbour = HeaderMap::new();
        let line = HeaderValue::from_bytes(b"lang=Fran\xc3\xa7ais; x=\xff; __Host-countersign-session=css_1");
        neighbour.insert(header::COOKIE, line.unwrap());
        assert_eq!(read(&neighbour, SESSION), Some("css_1"));
        assert_eq!(read(&sent(&["__Host-countersign-session2=x"]), SESSION), None);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_not_for_scripts() {
        let text = set(SESSION, "css_1", 60).unwrap();
        assert_eq!(
            text.to_str().unwrap(),
            "__Host-countersign-session=css_1; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"
        );
    }

    proptest! {
        /// Whatever is sent: no panic, and what is read is short, and was sent once and as a value of that name.
        #[test]
        fn any_bytes_are_read(
            lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..4),
            value in "[a-zA-Z0-9_=-]{0,260}",
            twice in any::<bool>(),
        ) {
            let mut headers: HeaderMap = HeaderMap::new();
            for line in lines {
                headers.extend(HeaderValue::from_bytes(&line).ok().map(|line| (header::COOKIE, line)));
            }
            let before = read(&headers, SESSION).map(str::to_owned);
            prop_assert!(before.iter().all(|value| value.len() <= MAX_VALUE && !value.contains(';')));
            for _ in 0..=usize::from(twice) {
                let line = format!("a=b; {SESSION}={value}; {FORM}x=1");
                headers.append(header::COOKIE, HeaderValue::try_from(line).unwrap());
            }
            let is_read = before.is_none() && !twice && (1..=MAX_VALUE).contains(&value.len());
            prop_assert_eq!(read(&headers, SESSION), Some(value.as_str()).filter(|_| is_read));
            prop_assert_eq!(read(&headers, FORM), None);
        }

        /// No value of the hub's own kind can add an attribute or a second cookie.
        #[test]
        fn what_is_set_is_read_again(value in "[a-zA-Z0-9_-]{1,200}") {
            let set = set(SESSION, &value, 60).unwrap();
            let sent = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let headers: HeaderMap = [(header::COOKIE, HeaderValue::try_from(sent).unwrap())].into_iter().collect();
            prop_assert_eq!(read(&headers, SESSION), Some(value.as_str()));
        }
    }
}
