//! Why there is no answer, told from the causes of the HTTP client's errors.

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
    /// The client or the request cannot be made.
    #[error("cannot set up the request: {0}")]
    Setup(String),
    /// This machine has run out of something.
    #[error("the hub's own machine has run out of something: {0}")]
    Exhausted(String),
    /// The target is not allowed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The name is not resolved.
    #[error("cannot resolve the name: {0}")]
    Resolve(String),
    /// The proxy is at fault.
    #[error("the proxy: {0}")]
    Proxy(String),
    /// No token to send along.
    #[error("{0}")]
    Credentials(String),
    /// No secure connection.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Nothing within the deadline.
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// By which way a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the target.
    Direct,
    /// The proxy is told what to send: the target is `http://`.
    Forwarded,
    /// The proxy opens a tunnel: the target is `https://`.
    Tunnelled,
}

impl EgressError {
    /// What the client's error means.
    pub(super) fn of(error: &reqwest::Error, way: Way) -> Self {
        let causes = causes(error);
        let text = chain(&causes);
        let name = find::<NameError>(&causes);
        let tls = find::<rustls::Error>(&causes);
        // The tunnel's own error type is private.
        let tunnel = causes.iter().any(|cause| cause.to_string().starts_with("tunnel error"));
        let at_proxy =
            error.is_connect() && (way == Way::Forwarded || (way == Way::Tunnelled && (tunnel || name.is_some())));
        // Whoever is connected to and hangs up can only do so while TLS is agreed on.
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

/// What went wrong while TLS was agreed on, in words for whoever has to mend it; none when it was something else.
pub fn tls_fault(error: &reqwest::Error) -> Option<String> {
    find::<rustls::Error>(&causes(error)).map(explain_tls)
}

/// All causes of an error, also those that an I/O error holds. Without the error itself, whose text has the URL: for a chat
/// channel it is the secret.
fn causes(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        // An I/O error passes its inner error over and gives that one's cause.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source());
    }
    causes
}

fn find<'a, T: Error + 'static>(causes: &[&'a (dyn Error + 'static)]) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref())
}

/// What an error says, without the URL.
pub(super) fn text(error: &reqwest::Error) -> String {
    chain(&causes(error))
}

/// The causes' texts, each once, but for the client's own wrapping.
fn chain(causes: &[&(dyn Error + 'static)]) -> String {
    let mut texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
    texts.retain(|text| !text.starts_with("client error ("));
    texts.dedup();
    if texts.is_empty() { "unknown".to_owned() } else { texts.join(": ") }
}
