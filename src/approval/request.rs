//! A request: one ask, its payload, and where it stands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, Email, Requester, ResourceName, Terms, Vote};
use crate::ids::RequestId;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How much of each thing a request may carry.
pub mod limits {
    /// Bytes of the command.
    pub const COMMAND: usize = 64 * 1024;
    /// Bytes of the context as compact JSON.
    pub const CONTEXT: usize = 64 * 1024;
    /// Bytes of a reason.
    pub const REASON: usize = 4 * 1024;
    /// Bytes of a person's or language's name, a label's key or value.
    pub const SHORT: usize = 256;
    /// Labels, and groups of the requester.
    pub const ITEMS: usize = 32;
    /// Largest integer that JSON readers agree on (RFC 7493 §2.2): the digest must mean the same to all of them.
    pub const INTEGER: u64 = (1 << 53) - 1;
}

/// What sort of approval is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One command, approved each time.
    Action,
}

/// What exactly is asked for. It never changes: an edit makes a new revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payload {
    /// The exact text that would run.
    pub command: String,
    /// What language it is in.
    pub language: Option<String>,
    /// Facts about it, for people, templates and checks.
    pub context: Option<Value>,
    /// Length of the access window; none for an action.
    pub duration_seconds: Option<u32>,
}

/// A payload that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// Nothing to approve.
    #[error("command is empty: say exactly what would run")]
    NoCommand,
    /// A number that not every JSON reader reads alike.
    #[error("context holds an integer beyond ±(2^53-1), which JSON readers do not agree on: send it as a string")]
    Integer,
}

impl Payload {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first thing found that cannot be taken.
    pub fn validate(&self) -> Result<(), InvalidPayload> {
        if is_blank(&self.command) {
            return Err(InvalidPayload::NoCommand);
        }
        if self.context.as_ref().is_some_and(has_unsafe_integer) {
            return Err(InvalidPayload::Integer);
        }
        Ok(())
    }

    /// SHA-256 over the canonical JSON (RFC 8785) of the object with the four members `command`, `language`, `context` and
    /// `duration_seconds`, `null` where one is absent.
    ///
    /// # Errors
    /// When the context cannot be written canonically.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self).map(|canonical| Digest::of(&canonical))
    }
}

/// Whether there is nothing to see in a text: white space and characters that show nothing.
pub(super) fn is_blank(text: &str) -> bool {
    let shows_nothing = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}');
    text.chars().all(|c| c.is_whitespace() || c.is_control() || shows_nothing(c))
}

fn has_unsafe_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            // What is too large for 64 bits comes as a float, and every float of that size is an integer.
            number.as_u64().is_some_and(|n| n > limits::INTEGER)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() > limits::INTEGER)
                || number.as_f64().is_some_and(|n| n.abs() > limits::INTEGER as f64)
        }
        Value::Array(items) => items.iter().any(has_unsafe_integer),
        Value::Object(members) => members.values().any(has_unsafe_integer),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Where a request stands. Every status but pending is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waiting for people.
    Pending,
    /// May go ahead.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time. Never reported as rejected.
    Expired,
    /// Taken back by its requester or an admin.
    Cancelled,
}

impl Status {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// By what means a request was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// People voted.
    Votes,
    /// The deadline passed.
    Timeout,
    /// It was taken back.
    Cancellation,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The final status.
    pub outcome: Status,
    /// By what means.
    pub method: Method,
    /// The deciding person's words.
    pub reason: Option<String>,
    /// Who decided: those whose approvals count, or the one who rejected or cancelled.
    pub by: Vec<Email>,
}

/// One ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// Counts the payloads it has had, from 1.
    pub revision: u32,
    /// What sort of approval is asked for.
    pub kind: Kind,
    /// What is acted on.
    pub resource: ResourceName,
    /// What exactly would run.
    pub payload: Payload,
    /// Of the payload.
    pub digest: Digest,
    /// Who asks.
    pub requester: Requester,
    /// The identity of the token that it came by, which may see it.
    pub asked_by: String,
    /// Why.
    pub reason: Option<String>,
    /// Free tags of the asking system.
    pub labels: BTreeMap<String, String>,
    /// Where it stands.
    pub status: Status,
    /// When it was asked.
    pub created_at: Timestamp,
    /// From this moment on it is too late.
    pub expires_at: Timestamp,
    /// When it ended.
    pub decided_at: Option<Timestamp>,
    /// How it ended.
    pub decision: Option<Decision>,
    /// What it is judged by.
    pub terms: Terms,
    /// All votes in the order they were cast, voided ones too.
    pub votes: Vec<Vote>,
}

impl Request {
    /// Whether it still waits although its time is over: half-open, at the deadline it is too late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && now >= self.expires_at
    }

    /// Votes that count.
    pub fn live_votes(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().filter(|vote| !vote.voided && vote.revision == self.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(context: Value) -> Payload {
        Payload { command: "select 1".into(), language: None, context: Some(context), duration_seconds: None }
    }

    #[test]
    fn digest_is_over_canonical_json() {
        let one = payload(serde_json::json!({"b": 1, "a": [1.0, "é"]}));
        let canonical =
            r#"{"command":"select 1","context":{"a":[1,"é"],"b":1},"duration_seconds":null,"language":null}"#;
        assert_eq!(one.digest().expect("canonical"), Digest::of(canonical.as_bytes()));
    }

    #[test]
    fn what_shows_nothing_is_no_command() {
        for blank in ["", " \n", "\u{200b}\u{2060}"] {
            let payload = Payload { command: blank.into(), language: None, context: None, duration_seconds: None };
            assert_eq!(payload.validate(), Err(InvalidPayload::NoCommand), "{blank:?}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused_and_fractions_are_not() {
        let huge: Value = serde_json::from_str("1180591620717411303424").expect("a number");
        assert_eq!(payload(huge).validate(), Err(InvalidPayload::Integer));
        assert_eq!(payload(serde_json::json!(0.5)).validate(), Ok(()));
    }

    #[test]
    fn integers_that_readers_disagree_on_are_refused() {
        assert_eq!(payload(serde_json::json!({"id": [9_007_199_254_740_991_u64]})).validate(), Ok(()));
        assert_eq!(
            payload(serde_json::json!({"id": [9_007_199_254_740_992_u64]})).validate(),
            Err(InvalidPayload::Integer)
        );
        assert_eq!(payload(serde_json::json!(-9_007_199_254_740_992_i64)).validate(), Err(InvalidPayload::Integer));
    }
}
