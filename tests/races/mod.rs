//! Concurrent calls on one request. In any order there is one outcome, callers that came too late get a refusal, and
//! the trail shows one end.

mod changes;
mod decisions;
mod replicas;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Answer, Database, TestHub};

/// The rounds of each race, each with a new request.
const ROUNDS: usize = 20;
/// The events that end a request.
const ENDS: [&str; 5] =
    ["request.approved", "request.rejected", "request.expired", "request.cancelled", "request.superseded"];

/// The hubs on one database: on PostgreSQL two replicas, so that every race is also one between them.
struct Arena {
    hubs: Vec<TestHub>,
}

impl Arena {
    /// Starts with a group `crew` of eight, and resources that need different numbers of them.
    async fn start(database: Database) -> Self {
        let replicated = database.url.starts_with("postgres");
        let mut hubs = vec![TestHub::start(database).await];
        if replicated {
            let twin = hubs[0].replica().await;
            hubs.push(twin);
        }
        let slot = |needed: u32| json!([{"group": "crew", "needed": needed}]);
        let crew: Vec<String> = (0..8).map(member).collect();
        let manifest = json!({
            "groups": {"crew": {"members": crew}, "chiefs": {"members": ["chief@example.com"]}},
            "resources": {
                "one": {"slots": slot(1)},
                "two": {"slots": slot(2)},
                "three": {"slots": slot(3)},
                "glass": {"slots": slot(1), "break_glass": {"groups": ["crew"], "per_day": 3}},
                "timed": {
                    "slots": slot(1), "timeout_seconds": 300, "use_within_seconds": 300, "reminders": [60],
                    "escalation": [{"after_seconds": 120, "slot": "crew", "add": "chiefs"}],
                    "break_glass": {"groups": ["crew"], "per_day": 100, "review_within_seconds": 600},
                },
            },
        });
        hubs[0].post("/v1/apply", &manifest).await.expect(200);
        Self { hubs }
    }

    fn hub(&self) -> &TestHub {
        &self.hubs[0]
    }

    /// Moves the clocks of all hubs.
    fn advance(&self, seconds: u64) {
        self.hubs.iter().for_each(|hub| hub.advance(seconds));
    }

    /// A call to one of the hubs, chosen by `turn`.
    fn call(&self, turn: usize, path: &str, body: &Value) -> RequestBuilder {
        let hub = &self.hubs[turn % self.hubs.len()];
        hub.call(Method::POST, path).bearer_auth(&hub.token).json(body)
    }

    /// A call about a request.
    fn about(&self, turn: usize, request: &Value, verb: &str, body: &Value) -> RequestBuilder {
        self.call(turn, &format!("/v1/requests/{}/{verb}", id(request)), body)
    }

    /// A vote by the crew member with this number.
    fn vote(&self, turn: usize, request: &Value, verb: &str, number: usize) -> RequestBuilder {
        self.about(turn, request, verb, &json!({"on_behalf_of": member(number)}))
    }

    /// The entries of the request's trail, counted by action.
    async fn trail(&self, request: &Value) -> BTreeMap<String, usize> {
        let trail = self.hub().get(&format!("/v1/requests/{}/audit", id(request))).await.expect(200);
        let mut counts = BTreeMap::new();
        for entry in trail["items"].as_array().unwrap() {
            *counts.entry(entry["action"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        counts
    }

    /// The request, which must have ended exactly once: in its status and in the trail.
    async fn ended(&self, request: &Value) -> Value {
        let shown = self.hub().show(request).await;
        let end = format!("request.{}", shown["status"].as_str().unwrap());
        let trail = self.trail(request).await;
        let ends: Vec<_> = trail.iter().filter(|(action, _)| ENDS.contains(&action.as_str())).collect();
        assert_eq!(ends, [(&end, &1)], "{shown}");
        shown
    }

    /// Runs every timer once more, and waits until their writes are committed.
    async fn settle(&self) {
        for hub in &self.hubs {
            hub.server.hub().run_due().await.unwrap();
            hub.put("/v1/people/dana@example.com", &json!({"name": "Dana"})).await.expect(200);
        }
    }

    /// Checks after any race: every ended request was announced and counted once, and the audit chain is whole.
    async fn close(self) {
        let url = &self.hub().database.url;
        let sql = "SELECT id, CAST(1 AS BIGINT) FROM requests WHERE status <> 'pending'";
        let ended = Database::tally(url, sql.to_owned()).await;
        let ends = ENDS.map(|kind| format!("'{kind}'")).join(", ");
        for (table, kind) in [("events", "type"), ("audit_entries", "action")] {
            let sql = format!("SELECT request_id, COUNT(*) FROM {table} WHERE {kind} IN ({ends}) GROUP BY request_id");
            assert_eq!(Database::tally(url, sql).await, ended, "{table}");
        }
        let sql = "SELECT 'all', CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM outcome_rollups";
        let counted = Database::tally(url, sql.to_owned()).await;
        assert_eq!(counted["all"], i64::try_from(ended.len()).unwrap());
        let session = &mut self.hub().server.store().read().await.unwrap();
        assert_eq!(countersign::store::audit::first_break(session).await.unwrap(), None);
    }
}

fn id(request: &Value) -> &str {
    request["id"].as_str().expect("an id")
}

/// A member of the crew.
fn member(number: usize) -> String {
    format!("p{number}@example.com")
}

/// Starts all calls at the same time, and runs `meanwhile` then. Every other turn reverses the order.
async fn together(turn: usize, calls: Vec<RequestBuilder>, meanwhile: impl AsyncFnOnce()) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(calls.len() + 1));
    let start = |(place, call): (usize, RequestBuilder)| {
        let barrier = Arc::clone(&barrier);
        (
            place,
            tokio::spawn(async move {
                barrier.wait().await;
                Answer::to(call).await
            }),
        )
    };
    let mut running: Vec<_> = if turn.is_multiple_of(2) {
        calls.into_iter().enumerate().map(start).collect()
    } else {
        calls.into_iter().enumerate().rev().map(start).collect()
    };
    barrier.wait().await;
    meanwhile().await;
    running.sort_by_key(|(place, _)| *place);
    let mut answers = Vec::new();
    for (_, call) in running {
        answers.push(call.await.unwrap());
    }
    answers
}

/// As above, without `meanwhile`.
async fn at_once(turn: usize, calls: Vec<RequestBuilder>) -> Vec<Answer> {
    together(turn, calls, async || ()).await
}

/// A delay that differs in each turn, so that a race is not always won by the same side.
async fn a_moment(turn: usize) {
    let millis = u64::try_from(turn % 4).unwrap();
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

/// The status of an answer, and its code if it is a refusal.
fn verdict(answer: &Answer) -> (u16, String) {
    assert!(answer.status < 500, "{answer:?}");
    let code = if answer.status < 300 { String::new() } else { answer.problem(answer.status) };
    (answer.status, code)
}

/// Checks that one of two answers is 2xx; returns its index, and how the other was refused.
fn one_winner(answers: &[Answer]) -> (usize, (u16, String)) {
    let won: Vec<usize> = (0..answers.len()).filter(|place| answers[*place].status < 300).collect();
    let [winner] = won[..] else { panic!("{won:?} of {answers:?} won") };
    assert_eq!(answers.len(), 2);
    (winner, verdict(&answers[1 - winner]))
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
