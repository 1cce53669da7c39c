//! What there is to tell, as templates see it.

use serde::Serialize;
use serde_json::Value;

use super::RenderError;
use super::redact::Withheld;
use crate::ids::EventId;
use crate::time::Timestamp;

/// One event for one endpoint.
#[derive(Debug)]
pub struct EventNotice<'a> {
    /// The event's identity.
    pub id: EventId,
    /// For example `request.created`.
    pub kind: &'a str,
    /// When it happened.
    pub at: Timestamp,
    /// What it is about.
    pub subject: Subject<'a>,
    /// What the subject does not hold of what it is about; none when it holds all.
    pub withheld: Option<Withheld>,
    /// The links of the slots that the endpoint serves.
    pub links: Links,
}

/// What an event is about, as the API showed it then, as JSON text.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A request.
    Request(&'a str),
    /// An endpoint.
    Endpoint(&'a str),
    /// Nothing at all.
    Nothing,
}

impl EventNotice<'_> {
    /// What was stored, read.
    pub(super) fn read(&self, text: &str) -> Result<Value, RenderError> {
        serde_json::from_str(text).map_err(|error| RenderError::Subject(error.to_string()))
    }
}

/// `data.links`: those of the first slot in front, those of each slot in `slots`. Empty when the endpoint serves none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    /// The first slot's.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub first: Option<SlotLinks>,
    /// Each slot's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<SlotLinks>,
}

/// The links of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotLinks {
    /// The deciding group.
    pub group: String,
    /// To look, and decide from there.
    pub review: String,
    /// To the same page, with approve in front; absent once the slot has its approvals, or there is nothing to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// To the same page, with reject in front; absent once there is nothing to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
}

impl Links {
    /// Of the given slots.
    pub fn of(slots: Vec<SlotLinks>) -> Self {
        Self { first: slots.first().cloned(), slots }
    }
}
