//! Helpers for single fields of an endpoint: required ones in patches, and the mask of secrets.

use crate::codes::Code;
use crate::hub::HubError;

/// Shown instead of a secret. It is invalid in a header, so it cannot be sent back as a value by mistake.
pub(super) const MASK: &str = "…";

/// The new value of a required field, or else the old one; `null` is rejected.
pub(super) fn required<T>(given: Option<Option<T>>, was: T, pointer: &str) -> Result<T, HubError> {
    let detail = "this field is required and cannot be null: omit it to keep its value";
    given.map_or(Ok(was), |given| given.ok_or_else(|| HubError::invalid(Code::InvalidJson, pointer, detail)))
}
