//! The payload of a request: its text and facts, their bounds, and their digest.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, limits};
use crate::unicode::is_hidden;

/// The kind of approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One command; each run needs an approval.
    Action,
    /// Access for a limited time.
    Jit,
}

impl Kind {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Jit => "jit",
        }
    }
}

/// The exact thing that is requested. It never changes: an edit makes a new revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payload {
    /// The exact text that would run; may be empty for access.
    pub command: String,
    /// The command's language, for display and guardrails.
    pub language: Option<String>,
    /// Facts about it, for people, templates and checks.
    pub context: Option<Value>,
    /// Length of the access window; `None` for an action.
    pub duration_seconds: Option<u32>,
}

/// Why a payload is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// There is nothing to approve.
    #[error("command is empty: give the exact text that would run")]
    NoCommand,
    /// Access without a length, or an action with one.
    #[error("duration_seconds must be set for access for a time (kind jit), and only there")]
    Duration,
    /// A number that not every JSON reader reads exactly.
    #[error("context contains an integer beyond ±(2^53-1), which JSON readers do not agree on: send it as a string")]
    Integer,
}

impl Payload {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Returns the first problem found.
    pub fn validate(&self, kind: Kind) -> Result<(), InvalidPayload> {
        if kind == Kind::Action && is_blank(&self.command) {
            return Err(InvalidPayload::NoCommand);
        }
        if (kind == Kind::Jit) != self.duration_seconds.is_some_and(|seconds| seconds > 0) {
            return Err(InvalidPayload::Duration);
        }
        if self.context.as_ref().is_some_and(has_unsafe_integer) {
            return Err(InvalidPayload::Integer);
        }
        Ok(())
    }

    /// Returns the payload as lines of text to compare with `other`: the command, and the other fields that differ.
    pub(super) fn beside(&self, other: &Self) -> String {
        let mut text = self.command.clone();
        if let Some(language) = self.language.as_ref().filter(|_| self.language != other.language) {
            text.push_str(&format!("\nlanguage: {language}"));
        }
        if let Some(seconds) = self.duration_seconds.filter(|_| self.duration_seconds != other.duration_seconds) {
            text.push_str(&format!("\nduration: {seconds} s"));
        }
        if let Some(context) = self.context.as_ref().filter(|_| self.context != other.context) {
            text.push_str(&format!("\ncontext: {context:#}"));
        }
        text
    }

    /// SHA-256 over the canonical JSON (RFC 8785) of the object with the four members `command`, `language`, `context`
    /// and `duration_seconds`, `null` where one is absent.
    ///
    /// # Errors
    /// Returns an error if the context has no canonical form.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self).map(|canonical| Digest::of(&canonical))
    }
}

/// Whether a text shows nothing: only white space and invisible characters.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_hidden(c))
}

fn has_unsafe_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            // A number too large for 64 bits is read as a float, and every float of that size is an integer.
            number.as_u64().is_some_and(|n| n > limits::INTEGER)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() > limits::INTEGER)
                || number.as_f64().is_some_and(|n| n.abs() > limits::INTEGER as f64)
        }
        Value::Array(items) => items.iter().any(has_unsafe_integer),
        Value::Object(members) => members.values().any(has_unsafe_integer),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
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
            assert_eq!(payload.validate(Kind::Action), Err(InvalidPayload::NoCommand), "{blank:?}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused_and_fractions_are_not() {
        let huge: Value = serde_json::from_str("1180591620717411303424").expect("a number");
        assert_eq!(payload(huge).validate(Kind::Action), Err(InvalidPayload::Integer));
        assert_eq!(payload(serde_json::json!(0.5)).validate(Kind::Action), Ok(()));
    }

    #[test]
    fn integers_that_readers_disagree_on_are_refused() {
        assert_eq!(payload(serde_json::json!({"id": [9_007_199_254_740_991_u64]})).validate(Kind::Action), Ok(()));
        assert_eq!(
            payload(serde_json::json!({"id": [9_007_199_254_740_992_u64]})).validate(Kind::Action),
            Err(InvalidPayload::Integer)
        );
        assert_eq!(
            payload(serde_json::json!(-9_007_199_254_740_992_i64)).validate(Kind::Action),
            Err(InvalidPayload::Integer)
        );
    }
}
