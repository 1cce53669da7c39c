//! What is kept back from a channel: secrets that somebody wrote into a command, or all that they wrote.
//!
//! This protects from accidents, not from intent: it finds what looks like a secret by its form or by what stands before it. Whoever
//! decides is shown all of it on the hub's own page, and what was found there.

mod found;
mod patterns;
mod secrets;
mod walk;

use serde::Serialize;
use serde_json::Value;

pub use self::found::{FoundSecret, SecretKind};
use crate::approval::Detail;

/// What was kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// How much was let through; never [`Detail::Full`].
    pub detail: Detail,
    /// How many secrets were hidden.
    pub hidden: usize,
}

impl Withheld {
    /// In words; nothing when nothing was found to hide.
    pub fn summary(&self) -> String {
        match (self.detail, self.hidden) {
            (Detail::LinkOnly, _) => "command, context and reasons are shown by the hub only".to_owned(),
            (_, 0) => String::new(),
            (_, 1) => "1 secret hidden: the hub's page shows all".to_owned(),
            (_, many) => format!("{many} secrets hidden: the hub's page shows all"),
        }
    }
}

/// A request as the API shows it, as JSON text, without what is not to leave. Its digest stays: it names what is decided on.
///
/// # Errors
/// When the text is no JSON.
pub fn request(text: &str, detail: Detail) -> Result<(String, Withheld), serde_json::Error> {
    let mut request: Value = serde_json::from_str(text)?;
    let hidden = match detail {
        Detail::Full => 0,
        Detail::Redacted => walk::redact(&mut request).len(),
        Detail::LinkOnly => {
            walk::empty(&mut request);
            0
        }
    };
    Ok((request.to_string(), Withheld { detail, hidden }))
}

/// What an event about an endpoint says, likewise: its reason may quote a target that echoes what it was sent.
///
/// # Errors
/// When the text is no JSON.
pub fn endpoint(text: &str) -> Result<String, serde_json::Error> {
    let mut endpoint: Value = serde_json::from_str(text)?;
    if let Some(Value::String(reason)) = endpoint.get_mut("reason") {
        *reason = secrets::redact(reason).0;
    }
    Ok(endpoint.to_string())
}

/// What looks like a secret in a request.
pub fn findings(mut request: Value) -> Vec<FoundSecret> {
    walk::redact(&mut request)
}
