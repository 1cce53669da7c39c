//! Helpers for single fields of an endpoint: absent and `null` in patches, and the mask of secrets.

use serde::{Deserialize, Deserializer};

use crate::codes::Code;
use crate::hub::HubError;

/// Shown instead of a secret. It is invalid in a header, so it cannot be sent back as a value by mistake.
pub(super) const MASK: &str = "…";

/// Deserializes `null` as `Some(None)`, so that it differs from an absent field.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The new value of a required field, or else the old one; `null` is rejected.
pub(super) fn required<T>(given: Option<Option<T>>, was: T, pointer: &str) -> Result<T, HubError> {
    let detail = "this field is required and cannot be null: omit it to keep its value";
    given.map_or(Ok(was), |given| given.ok_or_else(|| HubError::invalid(Code::InvalidJson, pointer, detail)))
}
