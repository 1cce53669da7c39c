//! The demo's policy and its requests.

use serde_json::{Value, json};

use crate::hub::{Ask, Hub, Manifest};
use crate::identity::Principal;

/// Configures the hub with endpoints that post to the receiver. Returns the signing secret of the custom endpoint.
pub(super) async fn configure(hub: &Hub, receiver: &str) -> anyhow::Result<String> {
    let manifest: Manifest = serde_json::from_value(manifest(receiver))?;
    let plan = hub.apply(&Principal::Operator, manifest, false).await?;
    plan.changes
        .into_iter()
        .find_map(|change| change.secret)
        .ok_or_else(|| anyhow::anyhow!("the custom endpoint was given no signing secret"))
}

fn manifest(receiver: &str) -> Value {
    json!({
        "groups": {
            "dba": {"members": ["dana@example.com", "erik@example.com"]},
            "security": {"members": ["sam@example.com"]},
        },
        "people": {
            "dana@example.com": {"name": "Dana Reyes"},
            "erik@example.com": {"name": "Erik Holm"},
            "sam@example.com": {"name": "Sam Okafor"},
        },
        "resources": {
            "orders-db": {"description": "Orders, production", "slots": [{"group": "dba"}], "timeout_seconds": 600},
            "customers-db": {
                "description": "Personal data",
                "slots": [{"group": "dba"}, {"group": "security"}],
                "timeout_seconds": 900,
                "reject_reason_required": true,
            },
            "reports-db": {"description": "Read-only replica", "slots": [{"group": "dba"}], "timeout_seconds": 300},
        },
        "endpoints": [
            {"name": "dba-teams", "channel": "teams", "url": format!("{receiver}/teams/dba"), "groups": ["dba"]},
            {"name": "security-teams", "channel": "teams", "url": format!("{receiver}/teams/security"), "groups": ["security"]},
            {"name": "pipeline", "channel": "custom", "url": format!("{receiver}/custom"), "groups": ["dba"]},
        ],
    })
}

/// The sample requests, in the order in which they are created.
pub(super) fn requests() -> Vec<Ask> {
    let samples = [
        json!({
            "resource": "orders-db", "language": "sql",
            "command": "update orders\n   set status = 'cancelled'\n where customer_id = 4711\n   and status = 'open';",
            "context": {"ticket": "OPS-2231", "estimated_rows": 12},
            "reason": "Customer asked to cancel everything that has not shipped.",
            "requester": {"email": "nora@example.com", "name": "Nora Lind"},
        }),
        json!({
            "resource": "customers-db", "language": "sql",
            "command": "select name, email from customers where id in (17, 21, 33);",
            "context": {"ticket": "DPO-88", "purpose": "subject access request"},
            "reason": "Data protection officer needs these three records.",
            "requester": {"email": "ivo@example.com", "name": "Ivo Brandt"},
        }),
        json!({
            "resource": "reports-db", "language": "sql",
            "command": "select date_trunc('day', created_at) as day, count(*)\n  from orders\n group by 1\n order by 1;",
            "reason": "Weekly figures.",
            "requester": {"email": "nora@example.com", "name": "Nora Lind"},
        }),
        json!({
            "resource": "orders-db", "language": "sh",
            "command": "kubectl -n shop rollout restart deployment/checkout",
            "context": {"agent": "deploy-bot", "change": "CHG-1042"},
            "reason": "[urgent](http://evil.example) **really** <at>everyone</at>: text of a requester is shown, never obeyed.",
            "requester": {"email": "deploy-bot@example.com", "name": "Deploy bot"},
        }),
    ];
    samples.into_iter().filter_map(|sample| serde_json::from_value(sample).ok()).collect()
}
