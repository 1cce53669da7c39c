//! How an attempt is judged, and what that means for the delivery and its endpoint.

use std::time::Duration;

use crate::channels::Receipt;
use crate::delivery::egress::Control;
use crate::store::deliveries::DeliveryState;

/// How an attempt is judged. The names are stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It worked.
    Success,
    /// Trying again would fail the same way.
    Permanent,
    /// The target says that it is gone for good (410), or wants nothing more.
    Gone,
    /// The target wants less (429, 503).
    Throttled,
    /// It may work next time.
    Transient,
    /// No secure connection: a certificate that nobody vouches for, another name, no common cipher.
    Tls,
    /// It may not be sent there as the hub is set up now. Tried again: an operator may open the target.
    Forbidden,
    /// The target's name could not be resolved.
    Resolve,
    /// The proxy is away, or refuses the hub.
    Proxy,
    /// There is no token to send along.
    Credentials,
    /// There is nothing to send, or no way to send it, as things are configured.
    Setup,
    /// The hub's machine has run out of something: file descriptors, memory, local ports.
    Exhausted,
}

impl Class {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Permanent => "permanent",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Tls => "tls",
            Self::Forbidden => "forbidden",
            Self::Resolve => "resolve",
            Self::Proxy => "proxy",
            Self::Credentials => "credentials",
            Self::Setup => "setup",
            Self::Exhausted => "exhausted",
        }
    }

    /// Whether another attempt may go better.
    pub const fn is_retried(self) -> bool {
        match self {
            Self::Throttled
            | Self::Transient
            | Self::Tls
            | Self::Forbidden
            | Self::Resolve
            | Self::Proxy
            | Self::Credentials
            | Self::Exhausted => true,
            Self::Success | Self::Permanent | Self::Gone | Self::Setup => false,
        }
    }

    /// Whether it counts against the endpoint: its tries, its breaker, its health. What lies with the hub and the way there
    /// does not: a name server that is down would switch off every endpoint.
    pub const fn is_charged(self) -> bool {
        match self {
            Self::Permanent | Self::Gone | Self::Throttled | Self::Transient | Self::Tls | Self::Forbidden => true,
            Self::Success | Self::Resolve | Self::Proxy | Self::Credentials | Self::Setup | Self::Exhausted => false,
        }
    }
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it is judged.
    pub class: Class,
    /// Where the delivery ends, if this attempt ends it otherwise than by failing.
    pub end: Option<DeliveryState>,
    /// What the target asked for, when it may: `AbortMessage` comes with the end `Discarded`, `Disable` with [`Class::Gone`]
    /// unless the message arrived. `error` says it in words.
    pub control: Option<Control>,
    /// HTTP status.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
    /// How long the target asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether the answer was longer than is read.
    pub overflows: bool,
    /// What the answer says of a message, where it does.
    pub receipt: Option<Receipt>,
    /// Whether the target refused the message for its form alone, and may take it in short.
    pub takes_short: bool,
}

impl Outcome {
    /// An attempt without an answer.
    pub(in crate::delivery) const fn unanswered(class: Class, error: String) -> Self {
        Self {
            class,
            end: None,
            control: None,
            status: None,
            error: Some(error),
            answer: None,
            retry_after: None,
            overflows: false,
            takes_short: false,
            receipt: None,
        }
    }

    /// A failure that lies with the hub or its configuration: trying again would not help.
    pub(in crate::delivery) const fn ours(error: String) -> Self {
        Self::unanswered(Class::Setup, error)
    }
}

#[cfg(test)]
mod tests {
    use super::Class::{
        Credentials, Exhausted, Forbidden, Gone, Permanent, Proxy, Resolve, Setup, Success, Throttled, Tls, Transient,
    };
    use crate::store::attempts::CLASSES;

    #[test]
    fn the_log_can_be_asked_for_every_class() {
        let all = [
            Success,
            Permanent,
            Gone,
            Throttled,
            Transient,
            Tls,
            Forbidden,
            Resolve,
            Proxy,
            Credentials,
            Setup,
            Exhausted,
        ];
        let names: Vec<&str> = all.iter().map(|class| class.as_str()).chain(["lost"]).collect();
        assert_eq!(names, CLASSES);
    }
}
