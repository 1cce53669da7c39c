//! Whom a call was forwarded for, as proxies write it: `Forwarded` (RFC 7239) and `X-Forwarded-For`. Both are lists, and
//! each proxy adds to the right end. So they are read from there: what a proxy wrote is read before what its caller
//! wrote, and what nobody trusted has written is never reached.

use std::net::IpAddr;

/// The most elements of a list that are read.
pub const MAX_HOPS: usize = 32;
/// The longest element that is read.
pub const MAX_ELEMENT: usize = 1_024;

/// An element of a list: the sender of a call, as the proxy that received it saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hop {
    Address(IpAddr),
    /// The proxy does not say: `unknown`, or an obfuscated identifier (RFC 7239 §6.2, §6.3).
    Hidden,
}

/// The first address from the right that is not a trusted proxy, beginning with the peer. If a proxy hides its sender,
/// that proxy's own address. None if an element that counts cannot be read.
fn sender(
    peer: IpAddr,
    hops: impl Iterator<Item = Option<Hop>>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut current = peer;
    for (number, hop) in hops.enumerate() {
        if !is_trusted(current) {
            break;
        }
        if number == MAX_HOPS {
            return None;
        }
        match hop? {
            Hop::Address(address) => current = address,
            Hop::Hidden => break,
        }
    }
    Some(current)
}

/// The sender by the lines of `Forwarded`, in their order.
pub(super) fn by_forwarded<'h>(
    peer: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'h [u8]>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let elements = lines.rev().flat_map(|line| Backward { rest: Some(line), separator: b',' });
    sender(peer, elements.filter(|element| !element.is_empty()).map(forwarded_element), is_trusted)
}

/// The sender by the lines of `X-Forwarded-For`, in their order.
pub(super) fn by_x_forwarded_for<'h>(
    peer: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'h [u8]>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let elements = lines.rev().flat_map(|line| line.rsplit(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    sender(peer, elements.filter(|element| !element.is_empty()).map(|element| node(text(element)?)), is_trusted)
}

/// The parts of a text from the last to the first, where a separator in quotes separates nothing. A quote that was
/// opened further left cannot swallow a part that a proxy has added.
struct Backward<'h> {
    rest: Option<&'h [u8]>,
    separator: u8,
}

impl<'h> Iterator for Backward<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let rest = self.rest?;
        let mut is_quoted = false;
        let at = rest.iter().rposition(|byte| {
            is_quoted ^= *byte == b'"';
            *byte == self.separator && !is_quoted
        });
        let (left, part) = match at.and_then(|at| rest.split_at_checked(at)) {
            Some((left, part)) => (Some(left), part.get(1..).unwrap_or_default()),
            None => (None, rest),
        };
        self.rest = left;
        Some(part.trim_ascii())
    }
}

/// `for=192.0.2.60;proto=https;by=203.0.113.43`
fn forwarded_element(element: &[u8]) -> Option<Hop> {
    let mut found = None;
    for pair in (Backward { rest: Some(text(element)?.as_bytes()), separator: b';' }) {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        if !name.eq_ignore_ascii_case("for") {
            continue;
        }
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        if found.replace(node(value)?).is_some() {
            return None;
        }
    }
    Some(found.unwrap_or(Hop::Hidden))
}

/// A short element of visible ASCII characters and blanks.
fn text(element: &[u8]) -> Option<&str> {
    let is_text = element.len() <= MAX_ELEMENT && element.iter().all(|byte| matches!(byte, b' '..=b'~'));
    std::str::from_utf8(element).ok().filter(|_| is_text)
}

/// An address with or without a port, or a word in its place. IPv6 may stand without brackets, as many proxies write it
/// in `X-Forwarded-For`.
fn node(text: &str) -> Option<Hop> {
    if text.eq_ignore_ascii_case("unknown") {
        return Some(Hop::Hidden);
    }
    if let Some(name) = text.strip_prefix('_') {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        return (!name.is_empty() && name.bytes().all(is_name)).then_some(Hop::Hidden);
    }
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address = address.parse().ok().map(IpAddr::V6)?;
            (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(address)?
        }
        None => match text.parse() {
            Ok(address) => address,
            Err(_) => {
                let (address, port) = text.split_once(':')?;
                let address = address.parse().ok().map(IpAddr::V4)?;
                is_port(port).then_some(address)?
            }
        },
    };
    Some(Hop::Address(address.to_canonical()))
}

/// A number of up to five digits, or an obfuscated one (RFC 7239 §6).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    /// Everything in `10.0.0.0/8` and `2001:db8:a::/48` is a trusted proxy.
    fn is_trusted(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.octets()[0] == 10,
            IpAddr::V6(address) => address.segments()[..3] == [0x2001, 0xdb8, 0xa],
        }
    }

    fn forwarded(lines: &[&str]) -> Option<String> {
        let lines = lines.iter().map(|line| line.as_bytes());
        by_forwarded(PEER, lines, is_trusted).map(|address| address.to_string())
    }

    fn x_forwarded_for(lines: &[&str]) -> Option<String> {
        let lines = lines.iter().map(|line| line.as_bytes());
        by_x_forwarded_for(PEER, lines, is_trusted).map(|address| address.to_string())
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_proxy_counts() {
        for (lines, expected) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7,10.2.2.2 ,\t10.3.3.3"], "192.0.2.7"),
            (&["192.0.2.7", "10.2.2.2"], "192.0.2.7"),
            (&["192.0.2.8", "192.0.2.7", ""], "192.0.2.7"),
            (&["10.9.9.9, 10.2.2.2"], "10.9.9.9"),
            (&["nonsense, 192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:443, 2001:db8:a::5"], "2001:db8::1"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7, ::ffff:10.1.1.1"], "192.0.2.7"),
            (&["192.0.2.7, unknown, 10.2.2.2"], "10.2.2.2"),
            (&[""], "10.0.0.1"),
        ] {
            assert_eq!(x_forwarded_for(lines).as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_in_rfc_7239() {
        for (lines, expected) in [
            (&["for=192.0.2.60;proto=http;by=203.0.113.43"][..], "192.0.2.60"),
            (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["for=192.0.2.43, for=198.51.100.17"], "198.51.100.17"),
            (&["for=192.0.2.43", "for=10.5.5.5;host=\"a,b;c\""], "192.0.2.43"),
            (&["by=_x; for=\"192.0.2.43:_port\" ; proto=https"], "192.0.2.43"),
            (&["for=_hidden, for=10.4.4.4"], "10.4.4.4"),
            (&["for=unknown"], "10.0.0.1"),
            (&["proto=https"], "10.0.0.1"),
            (&["for=\"198.51.100.1, for=192.0.2.7"], "192.0.2.7"),
            (&["for=\"x\\\", for=192.0.2.7;proto=https"], "192.0.2.7"),
        ] {
            assert_eq!(forwarded(lines).as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn what_a_proxy_cannot_have_meant_is_refused() {
        for line in [
            "for=",
            "for",
            "for=1.2.3",
            "for=\"1.2.3.4",
            "for=1.2.3.4;for=1.2.3.4",
            "for=[::1",
            "for=_",
            "for=1.2.3.4:x",
        ] {
            assert_eq!(forwarded(&[line]), None, "{line}");
        }
        for line in ["here", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:123456", "[1.2.3.4]", "fe80::1%eth0", "1.2.3.4\u{e9}"] {
            assert_eq!(x_forwarded_for(&[line]), None, "{line}");
        }
    }

    #[test]
    fn long_chains_and_elements_are_not_followed() {
        let chain = |hops: usize| vec!["10.0.0.2"; hops].join(",");
        assert_eq!(x_forwarded_for(&[&format!("192.0.2.7,{}", chain(MAX_HOPS - 1))]).as_deref(), Some("192.0.2.7"));
        assert_eq!(x_forwarded_for(&[&format!("192.0.2.7,{}", chain(MAX_HOPS))]), None);
        let long = format!("for=10.0.0.2;host={}", "x".repeat(MAX_ELEMENT));
        assert_eq!(forwarded(&[&long]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(any::<u8>(), 0..400)) {
            by_forwarded(PEER, std::iter::once(&line[..]), is_trusted);
            by_x_forwarded_for(PEER, std::iter::once(&line[..]), is_trusted);
        }

        /// Whatever the caller sends, the proxy's word counts.
        #[test]
        fn a_caller_cannot_change_what_its_proxy_adds(
            sent in r#"[ -~]{0,60}|(for=|"|,|;|=|\\|10\.0\.0\.1|unknown|_x| ){0,20}"#,
            own_line in any::<bool>(),
        ) {
            let (added, for_added) = ("192.0.2.7", "for=192.0.2.7;proto=https");
            let line = |added: &str| if own_line { vec![sent.clone(), added.to_owned()] } else { vec![format!("{sent}, {added}")] };
            let (plain, named) = (line(added), line(for_added));
            let lines = plain.iter().map(String::as_bytes);
            prop_assert_eq!(by_x_forwarded_for(PEER, lines, is_trusted), added.parse().ok());
            let lines = named.iter().map(String::as_bytes);
            prop_assert_eq!(by_forwarded(PEER, lines, is_trusted), added.parse().ok());
        }
    }
}
