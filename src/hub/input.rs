//! Checks of input that several services share: idempotency keys, lengths, counts, periods.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::HubError;
use crate::approval::{Digest, Requester, limits};
use crate::codes::Code;
use crate::identity::Principal;
use crate::shape::without_mark_bytes;
use crate::store::idempotency::Key;
use crate::time::Timestamp;

/// Longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// A caller's valid `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub(super) String);

impl IdempotencyKey {
    /// Parses the header's value.
    ///
    /// # Errors
    /// When it is empty, too long, or not visible ASCII.
    pub fn parse(value: &str) -> Result<Self, HubError> {
        if value.is_empty() || value.len() > MAX_KEY || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            let detail = "Idempotency-Key must be 1 to 255 visible ASCII characters";
            return Err(HubError::invalid(Code::InvalidIdempotencyKey, "", detail));
        }
        Ok(Self(value.to_owned()))
    }
}

/// An `Idempotency-Key` with the digest of its call's body.
#[derive(Debug, Clone)]
pub struct KeyedCall {
    pub(super) key: String,
    pub(super) body: Digest,
}

impl KeyedCall {
    /// Digests the canonical form of a JSON body (RFC 8785), so that a repeat with other white space or member order
    /// matches. Fields that this release ignores count too: a repeat after an upgrade still matches.
    ///
    /// # Errors
    /// When the body is not JSON.
    pub fn new(key: IdempotencyKey, body: &[u8]) -> Result<Self, HubError> {
        let unread = |error: serde_json::Error| HubError::invalid(Code::InvalidJson, "", error.to_string());
        let value: Value = if body.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(without_mark_bytes(body)).map_err(unread)?
        };
        let canonical = serde_json_canonicalizer::to_vec(&value).map_err(unread)?;
        Ok(Self { key: key.0, body: Digest::of(&canonical) })
    }

    /// The key and digest that the store keeps. Keys belong to one caller; `about` identifies the object in the call's
    /// path.
    pub(super) fn of(self, caller: &Principal, operation: &'static str, about: &str) -> (Key, Digest) {
        let body = Digest::of(format!("{about} {}", self.body).as_bytes());
        (Key { principal: caller.key(), operation, key: self.key }, body)
    }
}

/// Deserializes `null` as `Some(None)`, so that it differs from an absent field.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Rejects text longer than `max` bytes, and NUL, which PostgreSQL cannot store.
pub(super) fn text(pointer: &str, text: &str, max: usize) -> Result<(), HubError> {
    if text.len() > max {
        let detail = format!("{} bytes are too many: the limit is {max}", text.len());
        return Err(HubError::invalid(Code::TooLong, pointer, detail));
    }
    if text.contains('\0') {
        return Err(HubError::invalid(Code::InvalidText, pointer, "the character U+0000 is not allowed in this text"));
    }
    Ok(())
}

/// [`text`] for an optional value.
pub(super) fn optional(pointer: &str, value: Option<&String>, max: usize) -> Result<(), HubError> {
    value.map_or(Ok(()), |value| text(pointer, value, max))
}

/// Rejects an unknown value of an enumerated query parameter.
pub(super) fn parameter(name: &str, value: Option<&String>, known: &[&str]) -> Result<(), HubError> {
    match value {
        Some(value) if !known.contains(&value.as_str()) => {
            Err(HubError::invalid(Code::InvalidParameter, "", format!("{name} must be one of {}", known.join(", "))))
        }
        _ => Ok(()),
    }
}

/// Rejects a period of a query string that ends before it begins.
pub(super) fn period_of_list(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(), HubError> {
    period(Code::InvalidParameter, "", from, to)
}

/// Rejects a period that ends before it begins.
pub(super) fn period(
    code: Code,
    pointer: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(), HubError> {
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(HubError::invalid(code, pointer, "to is before from: the period is empty"));
    }
    Ok(())
}

/// Rejects context that is too long.
pub(super) fn context(context: Option<&Value>) -> Result<(), HubError> {
    // Serialized JSON escapes NUL, so only the length needs a check.
    let length = context.map_or(0, |context| context.to_string().len());
    if length > limits::CONTEXT {
        let detail = format!("context has {length} bytes as compact JSON: the limit is {}", limits::CONTEXT);
        return Err(HubError::invalid(Code::TooLong, "/context", detail));
    }
    Ok(())
}

pub(super) fn requester(requester: &Requester) -> Result<(), HubError> {
    optional("/requester/name", requester.name.as_ref(), limits::SHORT)?;
    count("/requester/groups", requester.groups.len(), limits::ITEMS)
}

pub(super) fn count(pointer: &str, items: usize, max: usize) -> Result<(), HubError> {
    if items > max {
        return Err(HubError::invalid(Code::TooMany, pointer, format!("{items} are too many: the limit is {max}")));
    }
    Ok(())
}
