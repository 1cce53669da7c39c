//! Events: what happened, with the request as it stood then.

use super::Session;
use super::arg::args;
use super::bulk::Bulk;
use crate::approval::Detail;
use crate::ids::{EventId, RequestId};
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// Every kind of event that endpoints are told of.
pub const KINDS: [&str; 23] = [
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

/// Says nothing but that the hub is there.
pub const PING: &str = "ping";

/// Those that ask for a decision, and carry links to decide with.
pub const ASKING: [&str; 5] =
    ["request.created", "request.revised", "request.voted", "request.reminded", "request.escalated"];

/// An event as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name; also the `webhook-id` of every message that tells of it.
    pub id: EventId,
    /// For example `request.created`.
    pub kind: String,
    /// The request it is about, when it is about one.
    pub request_id: Option<RequestId>,
    /// When it happened.
    pub at: Timestamp,
    /// The request (or the endpoint) as the API showed it at that moment, as JSON text.
    pub subject: String,
    /// How much of it leaves for a channel, whatever an endpoint says.
    pub detail: Detail,
    /// How many deliveries are made for it.
    pub fanout: u32,
    /// The trace of the call that brought it about.
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
