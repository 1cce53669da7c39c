//! The properties of a channel. Each channel's file defines one [`Declaration`]; `registry.rs` lists them.

use serde_json::Value;

use super::view::MessageLimits;
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

/// Everything that differs between channels.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    pub(super) channel: Channel,
    /// Escapes any text for the channel's markup and for JSON: `{{…}}`.
    pub(super) escape: fn(&str) -> String,
    /// Escapes text for places where the channel reads no markup: `{{plain …}}`.
    pub(super) plain: fn(&str) -> String,
    /// Escapes text inside a code block: `{{code …}}`.
    pub(super) code: fn(&str) -> String,
    /// Formats a time, in the reader's time zone where the channel can: `{{moment …}}`.
    pub(super) moment: fn(Timestamp) -> String,
    /// Formats a link from URL and text, for JSON: `{{link …}}`. The URL is one of the hub's, or a literal in the
    /// template.
    pub(super) link: fn(&str, &str) -> String,
    /// The schema of its bodies, one of [`super::SCHEMAS`].
    pub(super) schema: &'static str,
    /// Whether the schema limits the length of texts, so that even a built-in template can render an invalid body.
    pub(super) is_bounded_by_schema: bool,
    /// Largest body.
    pub(super) budget: Budget,
    /// Messages per second that the target accepts before it throttles, where known.
    pub rate_per_second: Option<f64>,
    /// Default concurrency limit of an endpoint.
    pub concurrency: u32,
    /// How much text fits into a message; only chat channels have limits.
    pub(super) limits: Option<MessageLimits>,
    /// Built-in templates: name of the event or part, and text.
    pub(super) templates: &'static [(&'static str, &'static str)],
    /// Interprets an answer's status and body where the channel knows more than HTTP's rules.
    pub(super) meaning: fn(u16, &str) -> Option<Meaning>,
    /// Answer header with the wait in seconds, where it takes precedence over `Retry-After`.
    pub wait_header: Option<&'static str>,
    /// Query parameters added to every endpoint's URL.
    pub query: &'static [(&'static str, &'static str)],
    /// Reads where a message was posted. Only channels that call an API and edit their messages later have one.
    pub receipt: Option<fn(&str) -> Option<Receipt>>,
    /// How to send a message again after the target rejected its form.
    pub short: Option<Short>,
}

/// The short form of a message: text only, which no target rejects for its form.
#[derive(Debug, Clone, Copy)]
pub struct Short {
    /// Whether an answer rejects a message for its form, so that nothing was posted.
    pub is_wanted: fn(&str) -> bool,
    /// Makes the text from the template input; with links if its readers may have them.
    pub(super) text: fn(&Value, bool) -> String,
}

/// What an answer reports about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It was posted.
    Posted {
        channel: String,
        /// The message's id in the channel.
        ts: String,
    },
    /// The message to edit no longer exists.
    Vanished,
}

/// Largest body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) most: usize,
    /// Measures a body, given as compact JSON, where its size is not its number of bytes.
    pub(super) of: Option<fn(&str) -> usize>,
}

impl Budget {
    /// A limit in bytes of compact JSON.
    pub(super) const fn bytes(most: usize) -> Self {
        Self { most, of: None }
    }

    /// Measures a body, given as compact JSON.
    pub(super) fn size(&self, text: &str) -> usize {
        self.of.map_or(text.len(), |of| of(text))
    }
}

/// The meaning of a target's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The message was delivered.
    Delivered,
    /// The target accepted the message; it does not report the result.
    Accepted,
    /// The status is a success but the body reports a failure; a retry may succeed.
    FalseSuccess(String),
    /// The target refuses this message permanently.
    Refused(String),
    /// The target no longer exists.
    Gone(String),
    /// The target throttles.
    Throttled(String),
    /// The target does not accept the hub's credentials.
    BadCredentials(String),
    /// The hub sent an invalid message: a fault of the hub or of a template.
    Malformed(String),
}

impl Declaration {
    /// Whether people read its messages. A chat channel's URL is its secret, so nothing is signed.
    pub const fn is_chat(&self) -> bool {
        self.limits.is_some()
    }

    /// Interprets an answer, if the channel has a rule for it.
    pub fn meaning(&self, status: u16, answer: &str) -> Option<Meaning> {
        (self.meaning)(status, answer)
    }
}
