//! How much of a request leaves for a channel.

use serde::{Deserialize, Serialize};

/// How much of a request leaves for a channel. Of what its resource and an endpoint say, the stricter holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// All of it.
    #[default]
    Full,
    /// All of it but what looks like a secret.
    Redacted,
    /// What sort of thing is asked for, on which resource, by whom, and the links.
    LinkOnly,
}

impl Detail {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Redacted => "redacted",
            Self::LinkOnly => "link_only",
        }
    }
}
