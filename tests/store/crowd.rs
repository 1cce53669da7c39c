//! A hub after long use: very many rows, copied from a few that it has created itself.

use serde_json::{Value, json};

use super::statements;
use crate::support::{Database, TestHub};

/// The number of pending requests.
const WAITING: u32 = 100_000;
/// The number of approved requests, each with a vote and one of each kind of follow-up.
const APPROVED: u32 = 20_000;
/// The digits of an id, in the order of the numbers.
const DIGITS: &str = "'0000000000000000000000' || CAST(1000000000 + i AS TEXT)";

/// A hub with a full database that reports its plans.
pub(super) async fn start(database: Database) -> TestHub {
    let hub = TestHub::start(database).await.with_policy().await;
    let waiting = hub.ask("orders", "x").await;
    let approved = hub.ask("orders", "x").await;
    hub.vote(&approved, "approve", "dana@example.com").await.expect(200);
    let url = hub.database.url.clone();
    // Every sixth was approved.
    let (sixths, others) =
        (Numbers { count: APPROVED, each: "n * 6" }, Numbers { count: WAITING, each: "n + (n - 1) / 5" });
    copy_requests(&url, &approved, sixths).await;
    copy_requests(&url, &waiting, others).await;
    for (into, values, from) in FOLLOWING {
        let values = values.replace("DIGITS", DIGITS);
        let condition = format!("{from} = '{}'", approved["id"].as_str().unwrap());
        Database::run(&url, copies(sixths, into, &values, &condition)).await;
    }
    copy_deliveries(&hub, &approved).await;
    if url.starts_with("postgres") {
        Database::run(&url, "VACUUM".to_owned()).await;
        // A large sample, since a small one may lead to an unsuitable plan by chance.
        Database::run(&url, "SET default_statistics_target = 1000; ANALYZE".to_owned()).await;
    }
    statements::report_plans(&url).await;
    hub.restart().await
}

/// An event for each approved request, delivered to an endpoint; one in a thousand failed.
async fn copy_deliveries(hub: &TestHub, approved: &Value) {
    let url = &hub.database.url;
    let sixths = Numbers { count: APPROVED, each: "n * 6" };
    let (endpoint, _) = hub.endpoint("busy", "custom", "https://hooks.example.com/x", &[]).await;
    hub.act_on(&endpoint, "pause").await.expect(200);
    let condition = format!("requests WHERE id = '{}'", approved["id"].as_str().unwrap());
    for (into, values) in [
        ("events (id, type, request_id, at, subject, fanout)", "'evt_' || DIGITS, 'request.created', 'req_' || DIGITS, created_at, '{}', 1"),
        (
            "deliveries (id, event_id, endpoint_id, request_id, state, attempts, lost, fence, created_at, ended_at, end_reason, tier)",
            "'dlv_' || DIGITS, 'evt_' || DIGITS, 'ENDPOINT', 'req_' || DIGITS, CASE WHEN i % 1000 = 0 THEN 'failed' ELSE 'delivered' END,
             1, 0, 1, created_at, created_at, CASE WHEN i % 1000 = 0 THEN 'refused' END, 1",
        ),
        (
            "attempts (delivery_id, endpoint_id, number, started_at, duration_us, class, status)",
            "'dlv_' || DIGITS, 'ENDPOINT', 1, created_at + i, 5, CASE WHEN i % 1000 = 0 THEN 'permanent' ELSE 'success' END,
             CASE WHEN i % 1000 = 0 THEN 404 ELSE 200 END",
        ),
    ] {
        let values = values.replace("DIGITS", DIGITS).replace("ENDPOINT", &endpoint);
        Database::run(url, copies(sixths, into, &values, &condition)).await;
    }
}

/// The tables that belong to a request: their columns, the values, and the rows that they are copied from.
const FOLLOWING: [(&str, &str, &str); 5] = [
    (
        "votes (id, request_id, revision, person, choice, groups, assurance, channel, digest, at, voided, seat)",
        "'vot_' || DIGITS, 'req_' || DIGITS, revision, 'v' || CAST(i % 301 AS TEXT) || '@example.com', choice, groups, assurance, channel, digest,
         at, voided, 'v' || CAST(i % 301 AS TEXT) || '@example.com'",
        "votes WHERE request_id",
    ),
    (
        "executions (request_id, status, digest, use_by, fence, lease_seconds, output_truncated, due_at)",
        "'req_' || DIGITS, CASE WHEN i % 5 = 0 THEN status ELSE 'lapsed' END, digest, use_by + i, fence, lease_seconds,
         output_truncated, CASE WHEN i % 5 = 0 THEN due_at + i END",
        "executions WHERE request_id",
    ),
    (
        "grants (id, request_id, resource, requester, status, starts_at, ends_at, ended_at, due_at)",
        "'grt_' || DIGITS, 'req_' || DIGITS, 'orders', 'u' || CAST(i % 499 AS TEXT) || '@example.com',
         CASE WHEN i % 5 = 0 THEN 'active' ELSE 'ended' END, created_at, expires_at + i,
         CASE WHEN i % 5 = 0 THEN NULL ELSE created_at END, CASE WHEN i % 5 = 0 THEN expires_at + i END",
        "requests WHERE id",
    ),
    (
        "reviews (request_id, person, at, due_at, told, reviewed_at, justified)",
        "'req_' || DIGITS, 'v' || CAST(i % 301 AS TEXT) || '@example.com', created_at, expires_at + i, 0,
         CASE WHEN i % 101 = 0 THEN NULL ELSE created_at END, CASE WHEN i % 101 = 0 THEN NULL ELSE 1 END",
        "requests WHERE id",
    ),
    (
        "people (email, name, updated_at)",
        "'u' || CAST(i AS TEXT) || '@example.com', 'U', created_at",
        "requests WHERE id",
    ),
];

/// The numbers that `each` makes of 1 to `count`.
#[derive(Clone, Copy)]
struct Numbers {
    count: u32,
    each: &'static str,
}

/// Inserts the values for each number `i`; they may use columns of the copied rows.
fn copies(Numbers { count, each }: Numbers, into: &str, values: &str, from: &str) -> String {
    format!(
        "INSERT INTO {into}
         WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count}),
             numbers (i) AS (SELECT {each} FROM counted)
         SELECT {values} FROM numbers, {from}"
    )
}

async fn copy_requests(url: &str, template: &Value, numbers: Numbers) {
    let same =
        "revision, kind, command, digest, requester_groups, labels, status, decided_at, decision, terms, asked_by";
    let into = format!("requests (id, resource, requester_email, created_at, expires_at, notice_at, {same})");
    let values = format!(
        "'req_' || {DIGITS}, CASE WHEN i % 997 = 0 THEN 'rare' ELSE 'orders' END,
         'u' || CAST(i % 499 AS TEXT) || '@example.com', created_at - 1000000 + i, expires_at + i,
         CASE WHEN status = 'pending' AND i % 4 = 0 THEN expires_at END, {same}"
    );
    let from = format!("requests WHERE id = '{}'", template["id"].as_str().unwrap());
    Database::run(url, copies(numbers, &into, &values, &from)).await;
    let into = "request_groups (group_name, request_id, open, expires_at)";
    let values = format!("group_name, 'req_' || {DIGITS}, open, expires_at + i");
    let from = format!("request_groups WHERE request_id = '{}'", template["id"].as_str().unwrap());
    Database::run(url, copies(numbers, into, &values, &from)).await;
}

/// Very many deliveries of each endpoint that wait for a retry, all of them due after this day.
pub(super) fn retries(day: &str) -> String {
    let due: countersign::time::Timestamp = format!("{day}T00:00:00Z").parse().expect("a day");
    let numbers = "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 100000)";
    format!(
        "INSERT INTO events (id, type, request_id, at, subject) {numbers}
         SELECT 'evt_' || {DIGITS}, 'request.voted', request_id, at, '{{}}' FROM numbers, (SELECT * FROM events LIMIT 1) one;
         INSERT INTO deliveries (id, event_id, endpoint_id, state, attempts, lost, next_attempt_at, fence, created_at, tier) {numbers}
         SELECT 'dlv_' || {DIGITS}, 'evt_' || {DIGITS}, e.id, 'pending', 1, 0, {} + i, 1, 1, 1
         FROM numbers, (SELECT id FROM endpoints ORDER BY id LIMIT 1) e",
        due.as_micros()
    )
}

/// Two resources with fifty slots each: `wide` with groups of 200 members, and `narrow` with groups of two.
pub(super) fn broad_policies() -> Value {
    let mut groups = serde_json::Map::new();
    let mut resources = serde_json::Map::new();
    for (name, size) in [("wide", 200), ("narrow", 2)] {
        let slots: Vec<Value> = (0..50).map(|group| json!({"group": format!("{name}{group}")})).collect();
        resources.insert(name.to_owned(), json!({"slots": slots}));
        for group in 0..50 {
            let members: Vec<String> = (0..size).map(|number| format!("{name}{group}.{number}@example.com")).collect();
            groups.insert(format!("{name}{group}"), json!({"members": members}));
        }
    }
    json!({"groups": groups, "resources": resources})
}
