//! What a channel is. Each channel's file has one [`Declaration`], and `registry.rs` all of them.

use serde_json::Value;

use super::view::MessageLimits;
use crate::store::endpoints::Channel;
use crate::time::Timestamp;

/// All that tells one channel from another.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    pub(super) channel: Channel,
    /// Makes any text harmless in the channel's markup, and in JSON: what `{{…}}` writes.
    pub(super) escape: fn(&str) -> String,
    /// The same where no markup is read: `{{plain …}}`.
    pub(super) plain: fn(&str) -> String,
    /// The same inside a block of code: `{{code …}}`.
    pub(super) code: fn(&str) -> String,
    /// A moment, shown in the reader's zone where the channel can: `{{moment …}}`.
    pub(super) moment: fn(Timestamp) -> String,
    /// A link that reads as a text, for JSON: `{{link …}}`. The URL is the hub's own, or the template's.
    pub(super) link: fn(&str, &str) -> String,
    /// The schema, one of [`super::SCHEMAS`], that each body meets.
    pub(super) schema: &'static str,
    /// Whether it bounds how long texts may be, so that what a built-in template renders may fail it.
    pub(super) is_bounded_by_schema: bool,
    /// How large a body may be.
    pub(super) budget: Budget,
    /// Messages a second that the target takes before it throttles, where that is known.
    pub rate_per_second: Option<f64>,
    /// Sends under way at once, where an endpoint says nothing else.
    pub concurrency: u32,
    /// Of chat channels, how much a message has limits for.
    pub(super) limits: Option<MessageLimits>,
    /// Built-in templates: the event, or the part's name, and the text.
    pub(super) templates: &'static [(&'static str, &'static str)],
    /// What an answer means by its status and text, where the channel knows more of it than HTTP does.
    pub(super) meaning: fn(u16, &str) -> Option<Meaning>,
    /// The answer header that says in seconds how long to wait, where it goes before `Retry-After`.
    pub wait_header: Option<&'static str>,
    /// Query parameters that the channel wants in every endpoint's URL.
    pub query: &'static [(&'static str, &'static str)],
    /// Of a channel that is spoken to by calls of an API, and whose messages are changed later: what an answer says of a message.
    pub receipt: Option<fn(&str) -> Option<Receipt>>,
    /// Of a channel that may refuse a message for its form: how it is sent once more.
    pub short: Option<Short>,
}

/// A message in short form: a text alone, which no target refuses for its form.
#[derive(Debug, Clone, Copy)]
pub struct Short {
    /// Whether an answer refuses a message for its form, so that nothing of it stands there.
    pub is_wanted: fn(&str) -> bool,
    /// The text, of what templates see, with links when whoever reads it may have them.
    pub(super) text: fn(&Value, bool) -> String,
}

/// What an answer says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// There it is.
    Posted {
        /// In which channel.
        channel: String,
        /// What it is called there.
        ts: String,
    },
    /// The one that was to be changed is not there any more.
    Vanished,
}

/// How large a body may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Most of it.
    pub(super) most: usize,
    /// What is counted of the body, given as compact JSON, when that is not its bytes.
    pub(super) of: Option<fn(&str) -> usize>,
}

impl Budget {
    /// So many bytes of JSON.
    pub(super) const fn bytes(most: usize) -> Self {
        Self { most, of: None }
    }

    /// The size of a body, given as compact JSON.
    pub(super) fn size(&self, text: &str) -> usize {
        self.of.map_or(text.len(), |of| of(text))
    }
}

/// What a target's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It has the message.
    Delivered,
    /// It took the message; what becomes of it shows elsewhere.
    Accepted,
    /// It says yes and means no; the next time may go better.
    FalseSuccess(String),
    /// It refuses this message, and would again.
    Refused(String),
    /// There is nothing to send to any more.
    Gone(String),
    /// It wants less.
    Throttled(String),
    /// It does not know the hub by what it was shown.
    BadCredentials(String),
    /// What it was sent is none of what it takes: the hub is at fault.
    Malformed(String),
}

impl Declaration {
    /// Whether people read it. The URL of a chat channel is the secret: nothing is signed.
    pub const fn is_chat(&self) -> bool {
        self.limits.is_some()
    }

    /// What an answer means, if the channel has a word about it.
    pub fn meaning(&self, status: u16, answer: &str) -> Option<Meaning> {
        (self.meaning)(status, answer)
    }
}
