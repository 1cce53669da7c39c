//! The input of rendering: one event for one endpoint.

use serde::Serialize;
use serde_json::Value;

use super::RenderError;
use super::redact::Withheld;
use crate::ids::EventId;
use crate::time::Timestamp;

/// One event for one endpoint, from which a message is rendered.
#[derive(Debug)]
pub struct EventNotice<'a> {
    pub id: EventId,
    /// For example `request.created`.
    pub kind: &'a str,
    pub at: Timestamp,
    pub subject: Subject<'a>,
    /// What redaction removed from the subject; `None` when nothing was redacted.
    pub withheld: Option<Withheld>,
    /// Links of the slots that the endpoint serves.
    pub links: Links,
}

/// The subject of an event: JSON text of the API at the time of the event.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    Request(&'a str),
    Endpoint(&'a str),
    /// No subject: a ping.
    Nothing,
}

impl EventNotice<'_> {
    /// Parses the subject's stored text.
    pub(super) fn read(&self, text: &str) -> Result<Value, RenderError> {
        serde_json::from_str(text).map_err(|error| RenderError::Subject(error.to_string()))
    }
}

/// `data.links`: the first slot's links at the top level, and the links of every slot in `slots`. Empty when the
/// endpoint serves none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub first: Option<SlotLinks>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<SlotLinks>,
}

/// The links of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotLinks {
    /// The group that decides the slot.
    pub group: String,
    /// Opens the decision page.
    pub review: String,
    /// Opens the page with approve first; absent once the slot is full or the request is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// Opens the page with reject first; absent once the request is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
}

impl Links {
    /// Collects the links of the given slots.
    pub fn of(slots: Vec<SlotLinks>) -> Self {
        Self { first: slots.first().cloned(), slots }
    }
}
