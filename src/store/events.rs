//! Events: what happened, with the request as it was at that time.

use super::Session;
use super::arg::args;
use super::bulk::Bulk;
use crate::approval::Detail;
use crate::ids::{EventId, RequestId};
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Every type of event that endpoints receive.
pub const KINDS: [&str; 24] = [
    "request.created",
    "request.revised",
    "request.voted",
    "request.approved",
    "request.rejected",
    "request.expired",
    "request.cancelled",
    "request.superseded",
    "request.reminded",
    "request.escalated",
    "request.undecidable",
    "request.self_approved",
    "request.glass_broken",
    "request.review_due",
    "request.commented",
    "execution.claimed",
    "execution.finished",
    "grant.started",
    "grant.ended",
    "grant.revoked",
    "endpoint.failing",
    "endpoint.disabled",
    "endpoint.recovered",
    PING,
];

/// The event of heartbeats and tests, which only shows that the hub is running.
pub const PING: &str = "ping";

/// The events that ask for a decision, and carry links to decide with.
pub const ASKING: [&str; 5] =
    ["request.created", "request.revised", "request.voted", "request.reminded", "request.escalated"];

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Also the `webhook-id` of every message about it.
    pub id: EventId,
    /// For example `request.created`.
    pub kind: String,
    pub request_id: Option<RequestId>,
    pub at: Timestamp,
    /// The request (or endpoint) as the API showed it at that time, as JSON text.
    pub subject: String,
    /// The request's own limit of what is sent to a channel; an endpoint may send less.
    pub detail: Detail,
    /// How many deliveries were created for it.
    pub fanout: u32,
    /// The trace of the call that caused it.
    pub trace: Option<TraceContext>,
}

static EVENTS: Bulk =
    Bulk::new(3, "INSERT INTO events (id, type, request_id, at, subject, detail, fanout, trace)", 8, "");

/// Adds an event.
pub fn insert(session: &mut Session, event: &Event) {
    let values = args![
        &event.id,
        &event.kind,
        event.request_id.as_ref(),
        event.at,
        &event.subject,
        event.detail.as_str(),
        event.fanout,
        event.trace.as_ref().map(TraceContext::to_string),
    ];
    session.add(&EVENTS, values);
}
