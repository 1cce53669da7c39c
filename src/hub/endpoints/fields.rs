//! Single fields of an endpoint: how a change may give them, and what is shown in the place of secrets.

use serde::{Deserialize, Deserializer};

use crate::codes::Code;
use crate::hub::HubError;

/// What stands in a secret's place. No header can hold it, so it cannot be sent back as a value by mistake.
pub(super) const MASK: &str = "…";

/// Tells a field that is `null` from one that is absent.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What is given, or else what was there; an endpoint cannot be without it.
pub(super) fn needed<T>(given: Option<Option<T>>, was: T, pointer: &str) -> Result<T, HubError> {
    let detail = "null takes away what an endpoint may do without, and this is none of it: leave it out and it stays";
    given.map_or(Ok(was), |given| given.ok_or_else(|| HubError::invalid(Code::InvalidJson, pointer, detail)))
}
