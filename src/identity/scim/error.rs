//! What is wrong with what a directory sent.

use crate::codes::Code;

/// What is wrong, and with which code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    pub code: Code,
    /// What is wrong and what to do.
    pub detail: String,
}

impl ScimError {
    /// The filter cannot be read, or asks for something that the hub cannot find by.
    pub fn filter(detail: impl Into<String>) -> Self {
        Self { code: Code::InvalidFilter, detail: detail.into() }
    }

    /// The path of a change cannot be read, or there is no such attribute.
    pub fn path(detail: impl Into<String>) -> Self {
        Self { code: Code::InvalidPath, detail: detail.into() }
    }

    /// The body is not built as the protocol demands.
    pub fn syntax(detail: impl Into<String>) -> Self {
        Self { code: Code::InvalidJson, detail: detail.into() }
    }

    /// A value has the wrong kind, is too long, or is missing.
    pub fn value(detail: impl Into<String>) -> Self {
        Self { code: Code::InvalidValue, detail: detail.into() }
    }

    /// The attribute cannot be changed so.
    pub fn immutable(detail: impl Into<String>) -> Self {
        Self { code: Code::Immutable, detail: detail.into() }
    }

    /// A change that must name a path names none.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self { code: Code::NoTarget, detail: detail.into() }
    }
}
