//! Parsers of single settings, shared by flags, environment and file. They return the value that is used, so that a
//! value is never checked in one form and used in another. Invisible characters around a value (blanks, line breaks, a
//! byte order mark) are trimmed, since files and deployment templates often add them.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::delivery::{AllowTarget, is_host_name};
use crate::oidc::{ClientAuth, EmailRule, check_issuer};
use crate::unicode::unwrapped;

/// The minimum length of an admin token that an operator chooses.
const TOKEN_BYTES: usize = 8;
/// Longest session: 90 days.
pub(super) const MAX_SESSION_SECONDS: u32 = 90 * 86_400;
/// The maximum of the deadline of one delivery attempt, in seconds.
pub(super) const MAX_DELIVERY_SECONDS: u32 = 120;
/// The maximum of the age of memberships by a sign-in, in seconds: 30 days.
pub(super) const MAX_GROUPS_AGE: u32 = 30 * 86_400;
/// The highest rate limit, in calls a minute.
const MAX_RATE: u32 = 6_000_000;
/// The levels of log filters.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The crates of this program that write log lines.
const LOGGING_CRATES: [&str; 9] =
    ["countersign", "axum", "hyper", "hyper_util", "reqwest", "rustls", "sqlx", "tokio", "tower_http"];

/// The targets in one `--allow-targets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetList(pub Vec<AllowTarget>);

/// The networks in one `--trusted-proxies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetList(pub Vec<IpNet>);

/// The scopes that a provider is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(pub Vec<String>);

/// The format of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object in each line.
    Json,
}

type Read<T> = Result<T, String>;

/// A text that is not blank.
pub(super) fn text(text: &str) -> Read<String> {
    match unwrapped(text) {
        "" => Err("it is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// The path of a file or folder.
pub(super) fn path(text: &str) -> Read<PathBuf> {
    self::text(text).map(PathBuf::from)
}

/// The address to listen on.
pub(super) fn listen(text: &str) -> Read<SocketAddr> {
    let text = unwrapped(text);
    text.parse().map_err(|_| {
        let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).unwrap_or(8080);
        format!(
            "expected an IP address and a port, not a name or a URL: 127.0.0.1:{port} for this machine alone, \
             0.0.0.0:{port} or [::]:{port} for all networks"
        )
    })
}

/// The origin that links begin with: scheme, host and port, without a slash at the end (RFC 6454 §6.2). It is built
/// from the parsed URL, so errors that the parser tolerates do not get into links.
pub(super) fn public_url(text: &str) -> Read<String> {
    let expected = "expected the scheme and host at which people reach the hub, such as https://approvals.example.com";
    let url = Url::parse(unwrapped(text)).map_err(|error| format!("not a URL ({error}): {expected}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("a user name or password would appear in every link: {expected}"));
    }
    let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_origin {
        return Err(format!("it has more than a scheme, a host and a port: {expected}"));
    }
    let is_reachable = match url.host() {
        Some(Host::Ipv4(address)) => !address.is_unspecified(),
        Some(Host::Ipv6(address)) => !address.is_unspecified(),
        Some(Host::Domain(name)) => is_host_name(name),
        None => false,
    };
    if !is_reachable || url.port() == Some(0) {
        return Err(format!("links to it cannot be opened, since no host has this name, address or port: {expected}"));
    }
    Ok(url.origin().ascii_serialization())
}

/// A whole number of seconds, from 1 to `max`.
pub(super) fn seconds(text: &str, max: u32) -> Read<u32> {
    let seconds = unwrapped(text).parse().ok().filter(|seconds| (1..=max).contains(seconds));
    seconds.ok_or_else(|| format!("expected a whole number of seconds between 1 and {max}"))
}

/// Calls a minute; 0 for no limit.
pub(super) fn rate(text: &str) -> Read<u32> {
    let calls = unwrapped(text).parse().ok().filter(|calls| *calls <= MAX_RATE);
    calls.ok_or_else(|| format!("expected a whole number of calls a minute up to {MAX_RATE}, or 0 for no limit"))
}

/// Targets, separated by commas; a comma at the end is allowed.
pub(super) fn targets(text: &str) -> Read<TargetList> {
    text.split(',').map(unwrapped).filter(|item| !item.is_empty()).map(target).collect::<Read<_>>().map(TargetList)
}

/// One target.
pub(super) fn target(text: &str) -> Read<AllowTarget> {
    unwrapped(text).parse().map_err(|_| format!("{text:?} is neither a CIDR such as 10.1.0.0/16 nor a host name"))
}

/// Trusted proxies, separated by commas; a comma at the end is allowed.
pub(super) fn proxies(text: &str) -> Read<NetList> {
    text.split(',').map(unwrapped).filter(|item| !item.is_empty()).map(proxy).collect::<Read<_>>().map(NetList)
}

/// A trusted proxy: an address, or a CIDR. One that holds every address would let each caller choose its own.
pub(super) fn proxy(text: &str) -> Read<IpNet> {
    let text = unwrapped(text);
    let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
    match address.or_else(|_| text.parse::<IpNet>()) {
        Ok(net) if net.prefix_len() == 0 => {
            Err(format!("{text} is every address: name the addresses of your own proxies"))
        }
        Ok(net) => Ok(net.trunc()),
        Err(_) => Err(format!("{text:?} is neither an address such as 10.1.0.5 nor a CIDR such as 10.1.0.0/16")),
    }
}

/// The issuer of an OpenID provider.
pub(super) fn issuer(text: &str) -> Read<String> {
    check_issuer(unwrapped(text))
}

/// How the hub proves to its provider who it is.
pub(super) fn client_auth(text: &str) -> Read<ClientAuth> {
    let known = [ClientAuth::Basic, ClientAuth::Post, ClientAuth::None];
    let found = known.into_iter().find(|auth| auth.name() == unwrapped(text));
    found.ok_or_else(|| format!("expected {}", known.map(ClientAuth::name).join(" or ")))
}

/// Scopes, separated by blanks.
pub(super) fn scopes(text: &str) -> Read<Scopes> {
    let scopes: Vec<String> = unwrapped(text).split_whitespace().map(str::to_owned).collect();
    // RFC 6749 §3.3.
    let is_scope =
        |scope: &String| scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b','));
    if !scopes.iter().all(is_scope) || !scopes.iter().any(|scope| scope == "openid") {
        return Err("expected scopes separated by blanks, openid among them, such as openid profile email".to_owned());
    }
    Ok(Scopes(scopes))
}

/// Whether a provider must say that an address is verified.
pub(super) fn email_rule(text: &str) -> Read<EmailRule> {
    match unwrapped(text) {
        "required" => Ok(EmailRule::Required),
        "if_present" => Ok(EmailRule::IfPresent),
        _ => Err("expected required or if_present".to_owned()),
    }
}

/// The format of log lines.
pub(super) fn log_format(text: &str) -> Read<LogFormat> {
    match unwrapped(text) {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".to_owned()),
    }
}

/// A filter for `tracing_subscriber::EnvFilter`. That reads a misspelt level as the name of a crate and logs nothing,
/// so levels are checked here.
pub(super) fn log_filter(text: &str) -> Read<String> {
    let text = self::text(text)?;
    for directive in directives(&text) {
        let is_level = |text: &str| LEVELS.contains(&text.to_ascii_lowercase().as_str());
        let (target, level) = directive.rsplit_once('=').unwrap_or((directive, directive));
        if target.contains(['[', '{']) || level.contains(']') {
            continue; // Spans and their fields: `EnvFilter` itself refuses invalid ones.
        }
        if !is_level(level) {
            return Err(format!(
                "{level:?} is not a log level: expected one of {}, alone or for a crate, as in countersign=debug",
                LEVELS.join(", ")
            ));
        }
    }
    Ok(text)
}

/// Names in a log filter under which this program logs nothing: probably misspelt.
pub fn unknown_log_targets(filter: &str) -> Vec<&str> {
    let targets = directives(filter).filter_map(|directive| directive.split_once('=').map(|(target, _)| target));
    let named = targets.filter(|target| !target.starts_with(['[', '{']) && !target.is_empty());
    named.filter(|target| !LOGGING_CRATES.contains(&target.split([':', '[']).next().unwrap_or_default())).collect()
}

fn directives(filter: &str) -> impl Iterator<Item = &str> {
    filter.split(',').map(unwrapped).filter(|directive| !directive.is_empty())
}

/// An admin token that an operator chose. The command line's own parser must not read it: it would print a token that
/// it refuses.
pub(super) fn admin_token(token: &SecretString) -> Option<SecretString> {
    let text = unwrapped(token.expose_secret());
    let is_token = text.len() >= TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_token.then(|| text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect("a net")
    }

    #[test]
    fn links_begin_with_the_parsed_origin() {
        for (given, origin) in [
            ("https://approvals.example.com", "https://approvals.example.com"),
            (" https://approvals.example.com/\n", "https://approvals.example.com"),
            ("https:approvals.example.com", "https://approvals.example.com"),
            ("HTTPS://Approvals.Example.com:443", "https://approvals.example.com"),
            ("https://appro\nvals.example.com", "https://approvals.example.com"),
            ("http:\\\\hub.example.com:8080", "http://hub.example.com:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(public_url(given).as_deref(), Ok(origin), "{given:?}");
        }
    }

    #[test]
    fn a_url_that_is_not_an_origin_is_refused_with_an_example() {
        for wrong in [
            "",
            "approvals.example.com",
            "localhost:8080",
            "ftp://approvals.example.com",
            "https://approvals.example.com/hub",
            "https://approvals.example.com/?a",
            "https://approvals.example.com/#a",
            "https://ann@approvals.example.com",
            "https://ann:secret@approvals.example.com",
            "https://:secret@approvals.example.com",
            "http://0.0.0.0:8080",
            "http://0:8080",
            "http://[::]:8080",
            "https://",
        ] {
            let error = public_url(wrong).expect_err(wrong);
            assert!(error.contains("https://approvals.example.com") && !error.contains("secret"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn an_origin_that_cannot_be_reached_is_refused() {
        for wrong in [
            "https://*.example.com",
            "https://a..b",
            "https://approvals.example.com,",
            "https://approvals.example.com:0",
            "http://0.0.0.0",
        ] {
            assert!(public_url(wrong).expect_err(wrong).contains("links to it cannot be opened"), "{wrong}");
        }
        assert_eq!(public_url("https://a.example.com.").as_deref(), Ok("https://a.example.com."));
    }

    #[test]
    fn values_are_trimmed() {
        assert_eq!(public_url("\u{feff}https://a.example.com\u{200b}").as_deref(), Ok("https://a.example.com"));
        assert_eq!(log_filter("\u{feff}info").as_deref(), Ok("info"));
        assert_eq!(targets("\u{feff}10.0.0.0/8").map(|list| list.0.len()), Ok(1));
        assert_eq!(listen(" 127.0.0.1:80\r\n"), Ok(SocketAddr::from(([127, 0, 0, 1], 80))));
        assert_eq!(seconds("60\n", 100), Ok(60));
        assert_eq!(path("/data\n"), Ok(PathBuf::from("/data")));
        assert_eq!(log_format("json\n"), Ok(LogFormat::Json));
        assert_eq!(targets("10.0.0.0/8, hooks.example.com,\n").map(|list| list.0.len()), Ok(2));
        assert_eq!(targets(" , "), Ok(TargetList(Vec::new())));
        assert_eq!(
            proxies(" 10.0.0.7/8, ::ffff:10.0.0.1,\n"),
            Ok(NetList(vec![net("10.0.0.0/8"), net("10.0.0.1/32")]))
        );
        let token = admin_token(&SecretString::from("\u{feff} 12345678\n")).expect("a token");
        assert_eq!(token.expose_secret(), "12345678");
        for wrong in ["1234567", "  1234567  ", "1234 5678", "12345678é"] {
            assert!(admin_token(&SecretString::from(wrong)).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_to_listen_on_is_refused_with_the_address_to_use() {
        for wrong in ["localhost:8081", ":8081", "http://127.0.0.1:8081"] {
            let error = listen(wrong).expect_err(wrong);
            assert!(error.contains("127.0.0.1:8081") && error.contains("0.0.0.0:8081"), "{error}");
        }
        assert!(listen("0.0.0.0").expect_err("no port").contains("0.0.0.0:8080"));
    }

    #[test]
    fn proxies_are_trusted_by_address_only() {
        for wrong in ["proxy.example.com", "10.0.0.1:80", "10.0.0.0/33", "0.0.0.0/0", "::/0", "*"] {
            assert!(proxies(wrong).expect_err(wrong).contains("address"), "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_log_filter_is_refused() {
        for wrong in ["inof", "info,wran", "countersign=inof", "countersign", "hyper::proto"] {
            assert!(log_filter(wrong).expect_err(wrong).contains("is not a log level"), "{wrong}");
        }
        for right in
            ["info", "INFO,sqlx=warn", "off", "countersign::store=trace,[request]=debug", "warn,[request{id=3}]=trace"]
        {
            assert_eq!(log_filter(right).as_deref(), Ok(right));
        }
        assert_eq!(unknown_log_targets("info,countersing=debug,hyper::proto=warn,[request]=debug"), ["countersing"]);
    }
}
