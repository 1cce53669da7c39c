//! Where the hub may send to. A configured URL is data from outside: without a rule, anybody who may add an endpoint could have
//! the hub call what stands behind the firewall (server-side request forgery).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// What an operator opens: addresses, or a name with whatever addresses it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowTarget {
    /// A range of addresses, or one.
    Net(IpNet),
    /// A host name.
    Name(String),
}

/// The rules.
#[derive(Debug, Clone, Default)]
pub struct TargetPolicy {
    allowed: Vec<AllowTarget>,
}

/// Why a target is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL that can be posted to.
    #[error("not a URL: expected something like https://hooks.example.com/path")]
    NotUrl,
    /// Neither http nor https.
    #[error("only http:// and https:// URLs can be posted to")]
    Scheme,
    /// A user name or password stands in it.
    #[error("a URL must not carry a user name or password")]
    UserInfo,
    /// It points inside.
    #[error("{0} is an address inside this machine or network: an operator can open it with COUNTERSIGN_ALLOW_TARGETS")]
    Inside(String),
}

impl FromStr for AllowTarget {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) if is_plain_name(&name) => Ok(Self::Name(name)),
            _ => Err(TargetError::NotUrl),
        }
    }
}

/// A URL's host may hold more, such as `*`; in a list of what is allowed that would be a mistake.
fn is_plain_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

impl fmt::Display for AllowTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl TargetPolicy {
    /// Public addresses, and what is allowed besides.
    pub const fn new(allowed: Vec<AllowTarget>) -> Self {
        Self { allowed }
    }

    /// Whether a URL may be posted to, as far as its text tells. A name's addresses are judged when it is resolved.
    ///
    /// # Errors
    /// When it may not.
    pub fn check_url(&self, text: &str) -> Result<Url, TargetError> {
        let url = Url::parse(text).map_err(|_| TargetError::NotUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::UserInfo);
        }
        // The parser has read every spelling of a literal address (2130706433, 0x7f.1, [::ffff:7f00:1]) as what it means.
        match url.host().ok_or(TargetError::NotUrl)? {
            Host::Ipv4(address) => self.check_address(address.into(), None)?,
            Host::Ipv6(address) => self.check_address(address.into(), None)?,
            Host::Domain(name) => self.check_name(name)?,
        }
        Ok(url)
    }

    /// Whether one address may be dialled, for a host of that name when it has one.
    ///
    /// # Errors
    /// When it may not.
    pub fn check_address(&self, address: IpAddr, name: Option<&str>) -> Result<(), TargetError> {
        let address = address.to_canonical();
        let open = self.allowed.iter().any(|allowed| match allowed {
            AllowTarget::Net(net) => net.contains(&address),
            AllowTarget::Name(allowed) => name.is_some_and(|name| name.eq_ignore_ascii_case(allowed)),
        });
        if open || is_public(address) { Ok(()) } else { Err(TargetError::Inside(address.to_string())) }
    }

    /// Names that mean this machine whatever a resolver says (RFC 6761 §6.3).
    fn check_name(&self, name: &str) -> Result<(), TargetError> {
        let bare = name.trim_end_matches('.').to_ascii_lowercase();
        let local = bare == "localhost" || bare.ends_with(".localhost");
        if local && self.check_address(Ipv4Addr::LOCALHOST.into(), Some(&bare)).is_err() {
            return Err(TargetError::Inside(name.to_owned()));
        }
        Ok(())
    }

    /// A URL fit to be shown: the path and query of a chat channel's URL are its secret.
    pub fn masked(text: &str) -> String {
        match Url::parse(text) {
            Ok(url) => format!("{}/…", url.origin().ascii_serialization()),
            Err(_) => "…".to_owned(),
        }
    }
}

/// Whether an address is one of the public internet (IANA special-purpose address registries, RFC 6890), also when it carries
/// an IPv4 address inside (NAT64, 6to4).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => inner(high, low),
        // Teredo, documentation, benchmarking, ORCHID, segment routing.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x5f00, ..] => false,
        // Global unicast is all there is to reach.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_inside_is_refused() {
        let policy = TargetPolicy::default();
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::10.0.0.1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[64:ff9b:1::1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "１２７.0.0.1",
            "127。0。0。1",
        ] {
            let url = format!("https://{host}/hook");
            assert!(
                matches!(policy.check_url(&url), Err(TargetError::Inside(_))),
                "{url}: {:?}",
                policy.check_url(&url)
            );
        }
    }

    #[test]
    fn outside_is_fine() {
        let policy = TargetPolicy::default();
        for host in ["hooks.example.com", "8.8.8.8", "[2606:4700::1111]", "[2002:808:808::]", "[64:ff9b::808:808]"] {
            assert!(policy.check_url(&format!("https://{host}:8443/x?sig=%2F")).is_ok(), "{host}");
        }
    }

    #[test]
    fn only_plain_web_urls() {
        let policy = TargetPolicy::default();
        assert_eq!(policy.check_url("ftp://example.com"), Err(TargetError::Scheme));
        assert_eq!(policy.check_url("file:///etc/passwd"), Err(TargetError::Scheme));
        assert_eq!(policy.check_url("https://a:b@example.com"), Err(TargetError::UserInfo));
        assert_eq!(policy.check_url("example.com"), Err(TargetError::NotUrl));
    }

    #[test]
    fn an_operator_opens_what_is_meant_and_no_more() {
        let policy = TargetPolicy::new(vec!["127.0.0.0/8".parse().expect("net"), "db.internal".parse().expect("name")]);
        assert!(policy.check_url("http://127.0.0.1:9000/").is_ok());
        assert!(policy.check_url("http://localhost:9000/").is_ok());
        assert!(policy.check_url("http://10.0.0.1/").is_err());
        let inside = IpAddr::from([10, 0, 0, 1]);
        assert!(policy.check_address(inside, Some("DB.internal")).is_ok());
        assert!(policy.check_address(inside, Some("other.internal")).is_err());
    }

    #[test]
    fn a_wildcard_is_no_host() {
        assert!("*".parse::<AllowTarget>().is_err());
        assert!("*.internal".parse::<AllowTarget>().is_err());
    }

    #[test]
    fn masks_what_is_secret() {
        assert_eq!(TargetPolicy::masked("https://x.example:8443/a/b?sig=s"), "https://x.example:8443/…");
    }
}
