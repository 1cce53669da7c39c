//! The sample event of a test message: it looks like a real one, says that it is a test, and cannot be decided.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::approval::{Detail, Digest};
use crate::delivery::TargetPolicy;
use crate::ids::{EventId, GrantId, RequestId};
use crate::store::endpoints::Endpoint;
use crate::store::events::{Event, PING};
use crate::time::Timestamp;

/// The resource, and the group if the endpoint serves none.
const NAME: &str = "countersign-test";
const COMMAND: &str = "-- test message from Countersign";
const PERSON: &str = "test@countersign.invalid";

/// Returns a sample event of the kind.
pub(super) fn sample(kind: &str, endpoint: &Endpoint, public_url: &str, now: Timestamp) -> Event {
    let id = RequestId::mint(now);
    let (request_id, subject) = match kind.split('.').next() {
        Some("endpoint") => (None, about(endpoint)),
        _ if kind == PING => (None, json!({})),
        _ => (Some(id), request(kind, id, endpoint, public_url, now)),
    };
    let subject = subject.to_string();
    Event {
        id: EventId::mint(now),
        kind: kind.to_owned(),
        request_id,
        at: now,
        subject,
        detail: Detail::Full,
        fanout: 0,
        trace: None,
    }
}

fn about(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id, "name": endpoint.name, "channel": endpoint.channel, "state": endpoint.state,
        "url": TargetPolicy::masked(endpoint.url.expose_secret()), "reason": "this is a test message",
        "failing_since": null, "disabled_at_latest": null,
    })
}

/// A request that is not in the database, so its links do not work.
fn request(kind: &str, id: RequestId, endpoint: &Endpoint, public_url: &str, now: Timestamp) -> Value {
    let is_access = kind.starts_with("grant.");
    let status = match kind {
        "request.approved" | "request.self_approved" | "request.glass_broken" | "request.review_due" => "approved",
        "request.rejected" => "rejected",
        "request.expired" => "expired",
        "request.cancelled" => "cancelled",
        "request.superseded" => "superseded",
        _ if is_access || kind.starts_with("execution.") => "approved",
        _ => "pending",
    };
    let ended = status != "pending";
    let decision =
        json!({"outcome": status, "method": "votes", "reason": null, "by": [PERSON], "rule": null, "group": null});
    let groups: Vec<String> = endpoint.groups.iter().map(ToString::to_string).collect();
    let groups = if groups.is_empty() { vec![NAME.to_owned()] } else { groups };
    let slot = |group: &String| json!({"group": group, "needed": 1, "approved": 0, "eligible": 1, "also": []});
    json!({
        "id": id, "revision": 1, "kind": if is_access { "jit" } else { "action" }, "resource": NAME, "command": COMMAND,
        "language": "sql", "context": null, "duration_seconds": is_access.then_some(3_600),
        "digest": Digest::of(COMMAND.as_bytes()), "requester": {"email": PERSON, "name": "Countersign test", "groups": [], "acting_for": null},
        "beneficiary": null, "reason": "This is a test: there is no request, and nothing can be decided.", "labels": {},
        "status": status, "created_at": now, "expires_at": now + Duration::from_secs(3_600),
        "decided_at": ended.then_some(now), "decision": ended.then_some(decision),
        "slots": groups.iter().map(slot).collect::<Vec<_>>(), "excluded": [], "votes": [], "modified_by": null,
        "change": (kind == "request.revised").then(|| change(now)),
        "execution": kind.starts_with("execution.").then(|| execution(kind, now)),
        "grant": is_access.then(|| grant(kind, id, now)),
        "review": null, "undecidable": kind == "request.undecidable", "supersedes": null, "superseded_by": null,
        "url": format!("{public_url}/v1/requests/{id}"),
    })
}

fn change(now: Timestamp) -> Value {
    json!({
        "by": null, "role": "requester", "at": now, "from_revision": 1, "reason": null,
        "diff": format!("@@ -1 +1 @@\n--- another test message\n+{COMMAND}\n"),
    })
}

fn execution(kind: &str, now: Timestamp) -> Value {
    let finished = kind == "execution.finished";
    json!({
        "status": if finished { "succeeded" } else { "claimed" }, "use_by": now + Duration::from_secs(3_600), "claimed_at": now,
        "lease_expires_at": now + Duration::from_secs(300), "finished_at": finished.then_some(now),
        "exit_code": finished.then_some(0), "output": null, "output_truncated": false, "output_digest": null, "reason": null,
        "revoked_by": null,
    })
}

fn grant(kind: &str, request: RequestId, now: Timestamp) -> Value {
    let status = match kind {
        "grant.started" => "active",
        "grant.ended" => "ended",
        _ => "revoked",
    };
    json!({
        "id": GrantId::mint(now), "request": request, "resource": NAME, "requester": PERSON, "status": status, "starts_at": now,
        "ends_at": now + Duration::from_secs(3_600), "ended_at": (status != "active").then_some(now), "ended_by": null,
        "reason": null,
    })
}
