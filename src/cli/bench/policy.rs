//! The configuration of the benchmark's hub, and the request that clients create: two groups must approve, and rules
//! check every command.

use serde_json::{Value, json};

/// Groups, a resource, and a custom endpoint for each path of the sink.
pub(super) fn manifest(endpoints: &[Value]) -> Value {
    json!({
        "groups": {
            "dba": {"members": ["dana@example.com", "erik@example.com", "olga@example.com"]},
            "security": {"members": ["sam@example.com", "tara@example.com"]},
        },
        "people": {"dana@example.com": {"name": "Dana Reyes"}, "sam@example.com": {"name": "Sam Okafor"}},
        "resources": {
            "orders-db": {
                "description": "Orders, production",
                "slots": [{"group": "dba"}, {"group": "security"}],
                // No request is decided, and none may expire during a run.
                "timeout_seconds": 86_400,
                "reject_reason_required": true,
                "guardrails": [
                    {"name": "no-drop", "effect": "deny", "statements": ["drop table", "drop database", "truncate"],
                     "reason": "Tables of orders are never dropped.", "blocks": ["drop table orders"]},
                    {"name": "card-data", "effect": "require", "pattern": r"\bcard_(number|holder)\b",
                     "slots": [{"group": "security", "needed": 2}], "blocks": ["select card_number from payments"]},
                    {"name": "reading", "effect": "allow", "statements": ["select"], "context": {"/mode": "read-only"},
                     "blocks": ["delete from orders"]},
                ],
            },
        },
        "endpoints": endpoints,
    })
}

/// Returns an endpoint that receives all events.
pub(super) fn endpoint(name: &str, url: &str) -> Value {
    json!({"name": name, "channel": "custom", "url": url})
}

/// Returns a request whose command contains the mark.
pub(super) fn request(mark: &str) -> Value {
    json!({
        "resource": "orders-db",
        "language": "sql",
        "command": format!(
            "update orders\n   set status = 'cancelled', cancelled_at = now(), note = '{mark}'\n \
             where customer_id = 4711\n   and status = 'open'\n   and shipped_at is null;"
        ),
        "context": {"ticket": "OPS-2231", "estimated_rows": 12, "database": "orders", "host": "orders-1.db.example.com"},
        "reason": "Customer 4711 asked to cancel everything that has not shipped. \
            Row count checked on the replica, backup taken at 02:00, order list attached to the ticket.",
        "labels": {"change": "CHG-1042", "team": "fulfilment"},
        "requester": {"email": "nora@example.com", "name": "Nora Lind", "groups": ["fulfilment"]},
    })
}
