//! Redaction: removes secrets, or all free text, from what a channel receives.
//!
//! This protects against accidents, not against intent: it recognises a secret by its form or by the text before it.
//! The hub's own page shows approvers the full text, and lists what was hidden in messages.

mod found;
mod patterns;
mod secrets;
mod walk;

use serde::Serialize;
use serde_json::Value;

pub use self::found::{FoundSecret, SecretKind};
use crate::approval::Detail;

/// What redaction removed from one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// The level of detail that was sent; never [`Detail::Full`].
    pub detail: Detail,
    /// Number of hidden secrets.
    pub hidden: usize,
}

impl Withheld {
    /// A sentence for people; empty when nothing was hidden.
    pub fn summary(&self) -> String {
        match (self.detail, self.hidden) {
            (Detail::LinkOnly, _) => "command, context and reasons are shown only on the hub's page".to_owned(),
            (_, 0) => String::new(),
            (_, 1) => "1 secret hidden: the hub's page shows it".to_owned(),
            (_, many) => format!("{many} secrets hidden: the hub's page shows them"),
        }
    }
}

/// Redacts a request, given as the API's JSON text. The digest stays, because it identifies what is decided on.
///
/// # Errors
/// The text is not JSON.
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

/// Redacts the subject of an endpoint event: its reason may quote a target that echoes what it received.
///
/// # Errors
/// The text is not JSON.
pub fn endpoint(text: &str) -> Result<String, serde_json::Error> {
    let mut endpoint: Value = serde_json::from_str(text)?;
    if let Some(Value::String(reason)) = endpoint.get_mut("reason") {
        *reason = secrets::redact(reason).0;
    }
    Ok(endpoint.to_string())
}

/// Finds everything in a request that looks like a secret.
pub fn findings(mut request: Value) -> Vec<FoundSecret> {
    walk::redact(&mut request)
}
