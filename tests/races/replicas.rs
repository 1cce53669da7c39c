//! Replicas on one database whose timers wake at the same time: each step happens once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Arena, ROUNDS, a_moment, id, member, refused, together, verdict};
use crate::support::{Database, eventually};

/// The number of requests that are due at the same time: several batches of the timer.
const MANY: usize = 40;

impl Arena {
    async fn ask_many(&self, ask: &Value) -> Vec<Value> {
        let mut requests = Vec::new();
        for _ in 0..MANY {
            requests.push(self.hub().post("/v1/requests", ask).await.expect(201));
        }
        requests
    }

    /// Moves the clocks, waits until the awaited event has happened to every request, runs every timer once more, and
    /// returns the number of events by type, which must match the audit trail.
    async fn after(&self, seconds: u64, awaited: &str) -> BTreeMap<String, i64> {
        self.advance(seconds);
        let (url, many) = (&self.hub().database.url, i64::try_from(MANY).unwrap());
        let sql = "SELECT type, COUNT(*) FROM events GROUP BY type";
        eventually(awaited, || async {
            let events = Database::tally(url, sql.to_owned()).await;
            events.get(awaited).is_some_and(|count| *count >= many).then_some(())
        })
        .await;
        self.settle().await;
        let events = Database::tally(url, sql.to_owned()).await;
        let sql = format!("SELECT action, COUNT(*) FROM audit_entries WHERE action = '{awaited}' GROUP BY action");
        // A reminder changes nothing, so it is only an event.
        if let Some(recorded) = Database::tally(url, sql).await.get(awaited) {
            assert_eq!(events[awaited], *recorded, "{awaited}");
        }
        events
    }
}

fn once(kinds: &[&str]) -> BTreeMap<String, i64> {
    kinds.iter().map(|kind| ((*kind).to_owned(), i64::try_from(MANY).unwrap())).collect()
}

fn ask(resource: &str, kind: &str) -> Value {
    let duration = (kind == "jit").then_some(100);
    let requester = json!({"email": "nora@example.com"});
    json!({"resource": resource, "kind": kind, "command": "x", "duration_seconds": duration, "requester": requester})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reminders_escalations_and_expiries_happen_once() {
    let arena = Arena::start(Database::postgres().await).await;
    let requests = arena.ask_many(&ask("timed", "action")).await;
    let mut events = vec!["request.created"];
    for (seconds, kind) in [(60, "request.reminded"), (60, "request.escalated"), (180, "request.expired")] {
        events.push(kind);
        assert_eq!(arena.after(seconds, kind).await, once(&events));
    }
    for request in &requests {
        assert_eq!(arena.ended(request).await["status"], "expired");
    }
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unused_approvals_lapse_once() {
    let arena = Arena::start(Database::postgres().await).await;
    for request in &arena.ask_many(&ask("timed", "action")).await {
        arena.hub().vote(request, "approve", &member(0)).await.expect(200);
    }
    let events = arena.after(300, "execution.finished").await;
    assert_eq!(events, once(&["request.created", "request.approved", "execution.finished"]));
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_begins_and_ends_once() {
    let arena = Arena::start(Database::postgres().await).await;
    let starts_at = (arena.hub().now() + std::time::Duration::from_secs(100)).to_string();
    for request in &arena.ask_many(&ask("timed", "jit")).await {
        let path = format!("/v1/requests/{}/approve", id(request));
        let body = json!({"on_behalf_of": member(0), "starts_at": starts_at});
        arena.hub().post(&path, &body).await.expect(200);
    }
    let mut events = vec!["request.created", "request.approved", "grant.started"];
    assert_eq!(arena.after(100, "grant.started").await, once(&events));
    events.push("grant.ended");
    assert_eq!(arena.after(100, "grant.ended").await, once(&events));
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_review_is_reported_once() {
    let arena = Arena::start(Database::postgres().await).await;
    let token = json!({"name": "p0", "scope": "approver", "person": member(0)});
    let token = arena.hub().post("/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
    for request in &arena.ask_many(&ask("timed", "jit")).await {
        let path = format!("/v1/requests/{}/break-glass", id(request));
        let call = arena.hub().call(reqwest::Method::POST, &path).bearer_auth(&token).json(&json!({"reason": "fire"}));
        arena.hub().send(call).await.expect(200);
    }
    let events = [
        "request.created",
        "request.glass_broken",
        "request.approved",
        "grant.started",
        "grant.ended",
        "request.review_due",
    ];
    assert_eq!(arena.after(600, "request.review_due").await, once(&events));
    arena.close().await;
}

/// Only one replica's clock has passed the deadline: its timer or the vote ends the request, and the first one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_on_one_replica_or_the_timer_of_another() {
    let arena = Arena::start(Database::postgres().await).await;
    for round in 0..ROUNDS {
        let body = json!({"resource": "one", "command": "x", "timeout_seconds": 10, "requester": {"email": "nora@example.com"}});
        let request = arena.hub().post("/v1/requests", &body).await.expect(201);
        let answers = together(round, vec![arena.vote(0, &request, "approve", 0)], async || {
            a_moment(round).await;
            arena.hubs[1].advance(10);
        })
        .await;
        arena.hubs[1].server.hub().run_due().await.unwrap();
        let shown = arena.ended(&request).await;
        let wanted = if shown["status"] == "approved" { refused(200, "") } else { refused(410, "expired") };
        assert_eq!(verdict(&answers[0]), wanted, "{shown}");
        assert!(shown["status"] == "approved" || shown["decision"]["method"] == "timeout");
        arena.hubs[0].advance(10);
    }
    arena.close().await;
}
