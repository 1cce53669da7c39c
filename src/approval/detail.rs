//! How much of a request is sent to a channel.

use serde::{Deserialize, Serialize};

/// How much of a request is sent to a channel. If a resource and an endpoint differ, the stricter setting applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Everything.
    #[default]
    Full,
    /// Everything except what looks like a secret.
    Redacted,
    /// Only the kind, the resource, the requester, and the links.
    LinkOnly,
}

impl Detail {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Redacted => "redacted",
            Self::LinkOnly => "link_only",
        }
    }
}
