//! The targets that the hub may call. A configured URL is untrusted input: without this policy, anyone who may add an
//! endpoint could make the hub call internal services behind the firewall (server-side request forgery).

mod address;
mod ports;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::unicode::is_hidden;

/// Longest URL.
const MAX_URL: usize = 4_096;

/// A target that an operator allows, with all ports: addresses, or a host name with any addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowTarget {
    /// One address, or a range.
    Net(IpNet),
    Name(String),
}

/// The target policy: public addresses, and the targets that an operator allows.
#[derive(Debug, Clone, Default)]
pub struct TargetPolicy {
    allowed: Vec<AllowTarget>,
}

/// Why a target is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("not a URL: expected something like https://hooks.example.com/path")]
    NotUrl,
    #[error("a URL may have at most {MAX_URL} bytes")]
    TooLong,
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    #[error("a URL must not contain a user name or password")]
    UserInfo,
    /// Two programs may read it differently.
    #[error("{0}")]
    Odd(&'static str),
    /// A port of another service than a web server.
    #[error(
        "port {0} is not a web server's port: an operator can allow the host with all its ports in COUNTERSIGN_ALLOW_TARGETS"
    )]
    Port(u16),
    /// An internal address.
    #[error("{0} is an address inside this machine or network: an operator can allow it in COUNTERSIGN_ALLOW_TARGETS")]
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
            Ok(Host::Domain(name)) if is_host_name(&name) => Ok(Self::Name(name)),
            _ => Err(TargetError::NotUrl),
        }
    }
}

/// Whether it is a valid host name, with or without a final dot. URL parsers accept invalid ones such as
/// `*.example.com`, `example.com,` and `a..b`. Lengths are those of RFC 1035 §2.3.4. Underscores, which RFC 952
/// excludes, are allowed because resolvers find them.
pub fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(is_plain))
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
    /// Returns a policy that allows public addresses and these targets.
    pub const fn new(allowed: Vec<AllowTarget>) -> Self {
        Self { allowed }
    }

    /// Checks a URL, as far as its text allows. The addresses of a name are checked when it is resolved.
    ///
    /// # Errors
    /// When the URL is invalid or not allowed.
    pub fn check_url(&self, text: &str) -> Result<Url, TargetError> {
        if text.len() > MAX_URL {
            return Err(TargetError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| TargetError::NotUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme);
        }
        let authority = plain_authority(text)?;
        // The parser has normalised every spelling of an IP address (2130706433, 0x7f.1, [::ffff:7f00:1]).
        let opened = match url.host().ok_or(TargetError::NotUrl)? {
            Host::Ipv4(address) => {
                self.check_address(address.into(), None)?;
                let host = authority.split(':').next().unwrap_or_default();
                if host.parse() != Ok(address) {
                    return Err(TargetError::Odd("an IPv4 address must be written as four decimal numbers"));
                }
                self.opens(address.into(), None)
            }
            Host::Ipv6(address) => {
                self.check_address(address.into(), None)?;
                self.opens(address.into(), None)
            }
            Host::Domain(name) if !is_host_name(name) => {
                let detail = "invalid host name: expected letters, digits, - and _, in labels of 1 to 63 characters with dots between them";
                return Err(TargetError::Odd(detail));
            }
            Host::Domain(name) => self.check_name(name)?,
        };
        match url.port_or_known_default() {
            Some(port) if port == 0 || (ports::is_refused(port) && !opened) => Err(TargetError::Port(port)),
            _ => Ok(url),
        }
    }

    /// Checks one address of a host before it is dialled; `name` is the host's name, if it has one.
    ///
    /// # Errors
    /// When the address is not allowed.
    pub fn check_address(&self, address: IpAddr, name: Option<&str>) -> Result<(), TargetError> {
        if address::is_public(address) || self.opens(address, name) {
            Ok(())
        } else {
            Err(TargetError::Inside(address.to_canonical().to_string()))
        }
    }

    /// Whether an operator allowed a name with any addresses.
    pub fn opens_name(&self, name: &str) -> bool {
        let bare = name.trim_end_matches('.');
        self.allowed.iter().any(|allowed| matches!(allowed, AllowTarget::Name(open) if open.eq_ignore_ascii_case(bare)))
    }

    fn opens(&self, address: IpAddr, name: Option<&str>) -> bool {
        let address = address.to_canonical();
        let in_net = |allowed: &AllowTarget| matches!(allowed, AllowTarget::Net(net) if net.contains(&address));
        self.allowed.iter().any(in_net) || name.is_some_and(|name| self.opens_name(name))
    }

    /// Checks a name, and returns whether all its ports are allowed. `localhost` always means this machine (RFC 6761
    /// §6.3).
    fn check_name(&self, name: &str) -> Result<bool, TargetError> {
        let bare = name.trim_end_matches('.').to_ascii_lowercase();
        let local = bare == "localhost" || bare.ends_with(".localhost");
        let opened = self.opens_name(&bare) || (local && self.opens(Ipv4Addr::LOCALHOST.into(), None));
        if local && !opened { Err(TargetError::Inside(name.to_owned())) } else { Ok(opened) }
    }

    /// Masks a URL for display: the path and query of a chat channel's URL are secret.
    pub fn masked(text: &str) -> String {
        match Url::parse(text) {
            Ok(url) => format!("{}/…", url.origin().ascii_serialization()),
            Err(_) => "…".to_owned(),
        }
    }
}

/// Returns the host and port as written. Rejects characters that the standard parser silently ignores or that other
/// parsers read differently: no genuine URL contains them.
fn plain_authority(text: &str) -> Result<&str, TargetError> {
    if text.chars().any(|character| matches!(character, ' ' | '\\') || is_hidden(character)) {
        return Err(TargetError::Odd("a URL must not contain spaces, backslashes or invisible characters"));
    }
    let (_, rest) = text.split_once("://").ok_or(TargetError::NotUrl)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(TargetError::NotUrl);
    }
    if authority.contains('@') {
        return Err(TargetError::UserInfo);
    }
    if authority.contains('%') {
        return Err(TargetError::Odd("a host must not contain percent signs"));
    }
    Ok(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_internal_address_is_refused() {
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
    fn public_targets_are_allowed() {
        let policy = TargetPolicy::default();
        for host in ["hooks.example.com", "8.8.8.8", "[2606:4700::1111]", "[2002:808:808::]", "[64:ff9b::808:808]"] {
            assert!(policy.check_url(&format!("https://{host}:8443/x?sig=%2F")).is_ok(), "{host}");
        }
    }

    #[test]
    fn only_plain_web_urls_are_allowed() {
        let policy = TargetPolicy::default();
        assert_eq!(policy.check_url("ftp://example.com"), Err(TargetError::Scheme));
        assert_eq!(policy.check_url("file:///etc/passwd"), Err(TargetError::Scheme));
        assert_eq!(policy.check_url("https://a:b@example.com"), Err(TargetError::UserInfo));
        assert_eq!(policy.check_url("https://@example.com"), Err(TargetError::UserInfo));
        assert_eq!(policy.check_url("example.com"), Err(TargetError::NotUrl));
        assert_eq!(policy.check_url("https:///example.com"), Err(TargetError::NotUrl));
        assert_eq!(policy.check_url("https:example.com"), Err(TargetError::NotUrl));
        assert_eq!(policy.check_url(&format!("https://example.com/{}", "x".repeat(5_000))), Err(TargetError::TooLong));
    }

    #[test]
    fn an_ambiguous_url_is_refused() {
        let policy = TargetPolicy::default();
        for url in [
            "https://exa\tmple.com/",
            " https://example.com/",
            "https://example.com\\@evil.example/",
            "https:\\\\example.com/",
            "https://ex%61mple.com/",
            "https://example.com/\u{200b}x",
            "https://exa\u{ad}mple.com/",
            "https://example.com/x\u{feff}",
            "https://example.com/\u{202e}x",
            "https://134744072/",
            "https://8.8.2056/",
        ] {
            assert!(matches!(policy.check_url(url), Err(TargetError::Odd(_))), "{url}: {:?}", policy.check_url(url));
        }
    }

    #[test]
    fn ports_of_other_services_are_refused_unless_an_operator_allows_the_host() {
        let policy = TargetPolicy::new(vec!["10.0.0.0/8".parse().expect("net"), "db.internal".parse().expect("name")]);
        assert_eq!(policy.check_url("https://example.com:25/"), Err(TargetError::Port(25)));
        assert_eq!(policy.check_url("https://8.8.8.8:6379/"), Err(TargetError::Port(6_379)));
        assert_eq!(policy.check_url("https://10.0.0.1:0/"), Err(TargetError::Port(0)));
        for url in
            ["https://example.com:8443/", "http://10.0.0.1:25/", "http://db.internal:25/", "http://db.internal.:25/"]
        {
            assert!(policy.check_url(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_operator_allows_the_named_target_and_no_other() {
        let policy = TargetPolicy::new(vec!["127.0.0.0/8".parse().expect("net"), "db.internal".parse().expect("name")]);
        assert!(policy.check_url("http://127.0.0.1:9000/").is_ok());
        assert!(policy.check_url("http://localhost:9000/").is_ok());
        assert!(policy.check_url("http://10.0.0.1/").is_err());
        let inside = IpAddr::from([10, 0, 0, 1]);
        assert!(policy.check_address(inside, Some("DB.internal")).is_ok());
        assert!(policy.check_address(inside, Some("other.internal")).is_err());
    }

    #[test]
    fn an_invalid_host_name_is_refused() {
        let policy = TargetPolicy::default();
        let (long, longest) = ("a".repeat(64), "a.".repeat(127) + "a");
        for host in
            ["*.example.com", "example.com,", "example.com;", "a..b", ".example.com", "example.com..", &long, &longest]
        {
            let found = policy.check_url(&format!("https://{host}/x"));
            assert!(
                matches!(found, Err(TargetError::Odd(detail)) if detail.contains("invalid host name")),
                "{host}: {found:?}"
            );
        }
        for host in ["example.com.", "under_score.example.com", "bücher.example", &"a".repeat(63), &longest[..253]] {
            assert!(policy.check_url(&format!("https://{host}/x")).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_wildcard_is_not_a_host_name() {
        assert!("*".parse::<AllowTarget>().is_err());
        assert!("*.internal".parse::<AllowTarget>().is_err());
    }

    #[test]
    fn masks_what_is_secret() {
        assert_eq!(TargetPolicy::masked("https://x.example:8443/a/b?sig=s"), "https://x.example:8443/…");
    }
}
