//! The outcome of an attempt: its class, and what follows for the delivery and its endpoint.

use std::time::Duration;

use crate::channels::Receipt;
use crate::delivery::egress::Control;
use crate::store::deliveries::DeliveryState;

/// The class of an attempt's result. Its name is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Success,
    /// A retry would fail in the same way.
    Permanent,
    /// The target no longer exists (410), or wants no more messages.
    Gone,
    /// The target asks for fewer messages (429, 503).
    Throttled,
    /// A retry may succeed.
    Transient,
    /// No secure connection: an untrusted certificate, another host name, no common cipher.
    Tls,
    /// The target policy forbids this target. Retried, since an operator may allow it.
    Forbidden,
    /// The target's name could not be resolved.
    Resolve,
    /// The proxy cannot be reached, or refuses the hub.
    Proxy,
    /// No access token could be fetched.
    Credentials,
    /// With the present configuration, no message can be rendered or sent.
    Setup,
    /// The hub's machine lacks a resource: file descriptors, memory, local ports.
    Exhausted,
}

impl Class {
    /// Returns the stored name.
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

    /// Whether a retry may succeed.
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

    /// Whether it counts against the endpoint: its attempts, its circuit breaker, its health. Faults of the hub, of
    /// name servers and of proxies do not count. Otherwise a name server outage would switch off every endpoint.
    pub const fn is_charged(self) -> bool {
        match self {
            Self::Permanent | Self::Gone | Self::Throttled | Self::Transient | Self::Tls | Self::Forbidden => true,
            Self::Success | Self::Resolve | Self::Proxy | Self::Credentials | Self::Setup | Self::Exhausted => false,
        }
    }
}

/// The outcome of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendOutcome {
    pub class: Class,
    /// Final state of the delivery, if this attempt ends it and the state is not `failed`.
    pub end: Option<DeliveryState>,
    /// Command of the target, if its endpoint allows commands. `AbortMessage` comes with the end `Discarded`, `Disable`
    /// with [`Class::Gone`] unless the message arrived. `error` describes it.
    pub control: Option<Control>,
    /// HTTP status.
    pub status: Option<u16>,
    pub error: Option<String>,
    /// The beginning of the answer, redacted.
    pub answer: Option<String>,
    /// How long the target asks to be sent nothing.
    pub retry_after: Option<Duration>,
    /// Whether the answer was longer than is read.
    pub overflows: bool,
    /// What a chat service answered about the posted message.
    pub receipt: Option<Receipt>,
    /// Whether the target refused only the form of the message, and may accept its short form.
    pub takes_short: bool,
}

impl SendOutcome {
    /// The outcome of an attempt without an answer.
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

    /// A failure of the hub or its configuration. A retry would not help.
    pub(in crate::delivery) const fn hub_fault(error: String) -> Self {
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
    fn the_delivery_log_can_filter_by_every_class() {
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
