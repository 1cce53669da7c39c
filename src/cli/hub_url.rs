//! The hub's URL, from the command line or the environment, and the HTTP client that calls it.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Response};
use url::{Host, Url};

use crate::delivery::tls_fault;
use crate::unicode::unwrapped;

/// The URL of a hub: `http` or `https`, without user, query or fragment. Calls use the parsed URL, not the given text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HubUrl(Url);

impl FromStr for HubUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected the URL of a hub, such as https://approvals.example.com or http://127.0.0.1:8080";
        let url = Url::parse(unwrapped(text)).map_err(|error| format!("not a URL ({error}): {expected}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(format!("it does not begin with http:// or https://: {expected}"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL must have no user name or password: set the token in COUNTERSIGN_TOKEN".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("it has a query or a fragment: {expected}"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for HubUrl {
    /// Writes the URL without a trailing slash, so that a path can follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl HubUrl {
    /// An HTTP client for calls to this hub. It follows no redirects: these would turn a POST into a GET and send the
    /// token to another host. It uses the proxy of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, except for loopback
    /// addresses.
    pub(super) fn http(&self) -> ClientBuilder {
        let builder = reqwest::Client::builder().redirect(Policy::none());
        if self.is_this_machine() { builder.no_proxy() } else { builder }
    }

    fn is_this_machine(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            // RFC 6761 §6.3.
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    /// Explains why a call got no answer, and what to do about it.
    pub(super) fn explain(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return "no answer in time".to_owned();
        }
        if let Some(fault) = tls_fault(error) {
            return fault;
        }
        // The innermost cause says what happened; the outer ones only say where.
        let mut cause: &dyn Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let hung_up =
            cause.downcast_ref::<hyper::Error>().is_some_and(|error| error.is_incomplete_message() || error.is_parse());
        if hung_up && self.0.scheme() == "http" {
            return format!("{cause}: does this port expect https://?");
        }
        cause.to_string()
    }
}

/// Returns an error text for a redirect, which says what to set; `None` for other answers. It leaves out the target's
/// query, which may be a secret.
pub(super) fn redirect(answer: &Response) -> Option<String> {
    if !answer.status().is_redirection() {
        return None;
    }
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| answer.url().join(location).ok());
    Some(match target {
        Some(mut target) => {
            target.set_query(None);
            target.set_fragment(None);
            let _no_host = target.set_username("").and_then(|()| target.set_password(None));
            let found = format!("{} redirects to {target}", answer.url().path());
            let base = target.as_str().strip_suffix(answer.url().path()).map(str::to_owned);
            match base.filter(|base| base.parse::<HubUrl>().is_ok()) {
                Some(base) => format!("{found}: set COUNTERSIGN_URL (or --url) to {base}"),
                None => format!("{found}, which is not a hub: set COUNTERSIGN_URL (or --url) to the hub's own URL"),
            }
        }
        None => format!(
            "the answer is {} without a valid target: set COUNTERSIGN_URL (or --url) to the hub's own URL",
            answer.status()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsed_url_is_the_one_called() {
        for (given, called) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            (" https://approvals.example.com/\n", "https://approvals.example.com"),
            ("https:approvals.example.com", "https://approvals.example.com"),
            ("https://approvals.ex\nample.com/hub/", "https://approvals.example.com/hub"),
        ] {
            assert_eq!(given.parse::<HubUrl>().map(|url| url.to_string()).as_deref(), Ok(called), "{given:?}");
        }
        for wrong in [
            "",
            "localhost:8080",
            "approvals.example.com",
            "ftp://approvals.example.com",
            "https://ann:secret@approvals.example.com",
            "https://approvals.example.com/?a=secret",
            "https://approvals.example.com/#a",
        ] {
            let error = wrong.parse::<HubUrl>().expect_err(wrong);
            assert!(!error.contains("secret"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn this_machine_is_called_without_a_proxy() {
        let is_local = |text: &str| text.parse::<HubUrl>().expect("a URL").is_this_machine();
        for local in
            ["http://127.0.0.1:8080", "http://127.1.2.3", "http://[::1]:1", "http://localhost", "http://hub.localhost"]
        {
            assert!(is_local(local), "{local}");
        }
        for remote in ["https://approvals.example.com", "http://10.0.0.1", "http://localhost.example.com"] {
            assert!(!is_local(remote), "{remote}");
        }
    }
}
