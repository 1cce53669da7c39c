//! The address that a call comes from: the peer's, or what a trusted proxy says.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use tokio::time::Instant;

use super::forwarded::{by_forwarded, by_x_forwarded_for};
use super::log_limit::LogLimit;

/// Shortest time between two warnings of one kind.
const LOG_INTERVAL: Duration = Duration::from_secs(600);
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Headers by which a proxy shows that it forwards.
const BY_PROXIES: [HeaderName; 5] = [
    header::FORWARDED,
    X_FORWARDED_FOR,
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    header::VIA,
];

/// Where a call comes from; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// Never an IPv4 address in IPv6 form.
    pub address: IpAddr,
    /// Whether a program on this machine sent it, and shows no sign of forwarding for another.
    pub is_local: bool,
}

impl ClientAddress {
    /// What is counted as one client: an IPv4 address, or the /64 of an IPv6 address, since one host may use all
    /// addresses of its /64 (RFC 7934).
    pub fn counted(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        }
    }
}

/// The proxies whose word about the sender counts.
#[derive(Debug)]
pub struct TrustedProxies {
    nets: Vec<IpNet>,
    untrusted: Mutex<LogLimit>,
    contradicting: Mutex<LogLimit>,
}

impl TrustedProxies {
    /// The proxies with these addresses.
    pub fn new(nets: Vec<IpNet>) -> Self {
        let limit = || Mutex::new(LogLimit::new(LOG_INTERVAL));
        Self { nets, untrusted: limit(), contradicting: limit() }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(&address))
    }

    /// The address that a call comes from. `Forwarded` and `X-Forwarded-For` count only if the peer is trusted. A proxy
    /// usually writes one of them and passes on the other as its caller sent it; so if they contradict each other, or
    /// one cannot be read, neither counts, and the call is the peer's.
    pub(super) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.ip().to_canonical();
        if !BY_PROXIES.iter().any(|name| headers.contains_key(name)) {
            return ClientAddress { address: peer, is_local: peer.is_loopback() };
        }
        ClientAddress { address: self.forwarded(peer, headers), is_local: false }
    }

    fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = |name| headers.get_all(name).iter().map(axum::http::HeaderValue::as_bytes);
        if !self.contains(peer) {
            warn(&self.untrusted, |calls| {
                tracing::warn!(
                    %peer,
                    calls,
                    "a forwarded client address was ignored: if the peer is a reverse proxy of yours, name it in \
                     COUNTERSIGN_TRUSTED_PROXIES, since until then all of its callers count as one"
                );
            });
            return peer;
        }
        let is_trusted = |address| self.contains(address);
        let has = |name| headers.contains_key(name);
        let by_standard = has(header::FORWARDED).then(|| by_forwarded(peer, lines(header::FORWARDED), is_trusted));
        let by_custom = has(X_FORWARDED_FOR).then(|| by_x_forwarded_for(peer, lines(X_FORWARDED_FOR), is_trusted));
        match (by_standard, by_custom) {
            (Some(one), Some(other)) if one != other => {
                warn(&self.contradicting, |calls| {
                    tracing::warn!(
                        %peer,
                        calls,
                        "Forwarded and X-Forwarded-For name different clients, so neither counts: let the proxy remove the \
                         header that it does not write"
                    );
                });
                peer
            }
            (Some(address), _) | (None, Some(address)) => address.unwrap_or(peer),
            (None, None) => peer,
        }
    }
}

fn warn(limit: &Mutex<LogLimit>, log: impl FnOnce(u64)) {
    let due = limit.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
    if let Some(calls) = due {
        log(calls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(nets: &[&str]) -> TrustedProxies {
        TrustedProxies::new(nets.iter().map(|net| net.parse().expect("a net")).collect())
    }

    fn client(trusted: &[&str], peer: &str, headers: &[(&'static str, &'static str)]) -> (String, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        let ClientAddress { address, is_local } = proxies(trusted).client(peer, &map);
        (address.to_string(), is_local)
    }

    #[test]
    fn only_a_trusted_peer_says_whom_it_forwards_for() {
        let told = [("x-forwarded-for", "192.0.2.7")];
        for (trusted, peer, expected) in [
            (&[][..], "10.0.0.1", "10.0.0.1"),
            (&["10.0.0.0/8"], "10.0.0.1", "192.0.2.7"),
            (&["10.0.0.0/8"], "::ffff:10.0.0.1", "192.0.2.7"),
            (&["10.0.0.0/8"], "11.0.0.1", "11.0.0.1"),
            (&["127.0.0.1/32"], "127.0.0.1", "192.0.2.7"),
            (&["2001:db8::/32"], "2001:db8::5", "192.0.2.7"),
        ] {
            assert_eq!(client(trusted, peer, &told), (expected.to_owned(), false), "{trusted:?} {peer}");
        }
    }

    #[test]
    fn headers_that_contradict_each_other_or_cannot_be_read_do_not_count() {
        let trusted = &["10.0.0.0/8"];
        for (headers, expected) in [
            (&[("forwarded", "for=192.0.2.7"), ("x-forwarded-for", "192.0.2.7")][..], "192.0.2.7"),
            (&[("forwarded", "for=192.0.2.8"), ("x-forwarded-for", "192.0.2.7")], "10.0.0.1"),
            (&[("forwarded", "for=?"), ("x-forwarded-for", "192.0.2.7")], "10.0.0.1"),
            (&[("x-forwarded-for", "?")], "10.0.0.1"),
            (&[("forwarded", "for=192.0.2.7"), ("forwarded", "for=10.1.1.1")], "192.0.2.7"),
            (&[("x-real-ip", "192.0.2.7")], "10.0.0.1"),
        ] {
            assert_eq!(client(trusted, "10.0.0.1", headers).0, expected, "{headers:?}");
        }
    }

    #[test]
    fn a_call_that_was_forwarded_is_never_local() {
        let is_local = |headers: &[(&'static str, &'static str)]| client(&["127.0.0.1/32"], "127.0.0.1", headers).1;
        assert!(is_local(&[]));
        assert!(client(&[], "::1", &[]).1 && client(&[], "::ffff:127.0.0.1", &[]).1);
        assert!(!client(&[], "192.0.2.7", &[]).1);
        for headers in [
            [("x-forwarded-for", "127.0.0.1")],
            [("x-forwarded-for", "nonsense")],
            [("forwarded", "for=unknown")],
            [("x-forwarded-proto", "https")],
            [("x-real-ip", "127.0.0.1")],
            [("via", "1.1 proxy")],
        ] {
            assert!(!is_local(&headers), "{headers:?}");
        }
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_client() {
        let counted = |address: &str| {
            let address: IpAddr = address.parse().expect("an address");
            ClientAddress { address, is_local: false }.counted().to_string()
        };
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("192.0.2.7"), "192.0.2.7");
    }
}
