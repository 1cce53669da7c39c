//! Why there is no answer, derived from the causes of the HTTP client's errors.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::dns::NameError;
use super::exhaustion::is_exhaustion;
use super::tls::explain_tls;
use crate::delivery::TargetError;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The client or the request cannot be built.
    #[error("cannot set up the request: {0}")]
    Setup(String),
    /// The hub's machine lacks a resource.
    #[error("the hub's own machine has run out of a resource: {0}")]
    Exhausted(String),
    /// The target is not allowed.
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("cannot resolve the name: {0}")]
    Resolve(String),
    /// The proxy cannot be reached, or refuses the call.
    #[error("the proxy: {0}")]
    Proxy(String),
    /// No access token could be fetched.
    #[error("{0}")]
    Credentials(String),
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// How a request reaches its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Direct,
    /// A proxy forwards the request to an `http://` target.
    Forwarded,
    /// A proxy opens a tunnel to an `https://` target.
    Tunnelled,
}

impl EgressError {
    /// Classifies an error of the HTTP client.
    pub(super) fn of(error: &reqwest::Error, way: Way) -> Self {
        let causes = causes(error);
        let text = chain(&causes);
        let name = find::<NameError>(&causes);
        let tls = find::<rustls::Error>(&causes);
        // The tunnel's own error type is private.
        let tunnel = causes.iter().any(|cause| cause.to_string().starts_with("tunnel error"));
        let at_proxy =
            error.is_connect() && (way == Way::Forwarded || (way == Way::Tunnelled && (tunnel || name.is_some())));
        // A peer that closes the connection while connecting does so during the TLS handshake.
        let eof = |cause: &&(dyn Error + 'static)| {
            cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
        };
        match (name, tls) {
            _ if causes.iter().any(|cause| cause.downcast_ref().is_some_and(is_exhaustion)) => Self::Exhausted(text),
            (Some(NameError::Exhausted(why)), _) => Self::Exhausted(why.clone()),
            _ if at_proxy || (error.is_timeout() && error.is_connect() && way != Way::Direct) => Self::Proxy(text),
            (Some(NameError::Target(refused)), _) => Self::Target(refused.clone()),
            (Some(NameError::Unknown(why)), _) => Self::Resolve(why.clone()),
            (None, Some(tls)) => Self::Tls(explain_tls(tls)),
            (None, None) if error.is_connect() && causes.iter().any(eof) => Self::Tls(text),
            (None, None) if error.is_connect() => Self::Connect(text),
            (None, None) => Self::Broken(text),
        }
    }
}

/// Explains a failed TLS handshake to an operator; `None` for any other error.
pub fn tls_fault(error: &reqwest::Error) -> Option<String> {
    find::<rustls::Error>(&causes(error)).map(explain_tls)
}

/// All causes of an error, including those inside I/O errors. The error itself is left out: its text contains the URL,
/// which is a secret for chat channels.
fn causes(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        // `source` of an I/O error skips its inner error.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source());
    }
    causes
}

fn find<'a, T: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref())
}

/// The text of an error, without the URL.
pub(super) fn text(error: &reqwest::Error) -> String {
    chain(&causes(error))
}

/// The texts of the causes, without repetitions and without the client's own wrapper.
fn chain(causes: &[&(dyn Error + 'static)]) -> String {
    let mut texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
    texts.retain(|text| !text.starts_with("client error ("));
    texts.dedup();
    if texts.is_empty() { "unknown".to_owned() } else { texts.join(": ") }
}
