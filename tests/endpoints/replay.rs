//! Replay: one delivery, or many at a limited rate.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Behaviour, Database, Receiver, TestHub, eventually, on_both};

impl TestHub {
    /// Makes `count` requests whose messages the receiver refuses permanently. Returns the endpoint's id.
    async fn with_failures(&self, receiver: &Receiver, count: usize) -> String {
        receiver.script((0..count).map(|_| Behaviour::Status(404)));
        let (id, _) = self.endpoint("ops", "custom", &receiver.url, &["dba"]).await;
        self.fail_more(&id, count).await;
        id
    }

    async fn fail_more(&self, endpoint: &str, count: usize) {
        let before = self.states(endpoint).await.get("failed").copied().unwrap_or(0);
        for number in 0..count {
            self.ask("orders", &format!("select {number}")).await;
        }
        self.until(endpoint, "failed", before + count).await;
    }

    /// The number of the endpoint's deliveries by state.
    async fn states(&self, endpoint: &str) -> BTreeMap<String, usize> {
        let page = self.get(&format!("/v1/endpoints/{endpoint}/deliveries?limit=500")).await.expect(200);
        let mut states = BTreeMap::new();
        for item in page["items"].as_array().unwrap() {
            *states.entry(item["state"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        states
    }

    async fn until(&self, endpoint: &str, state: &str, count: usize) {
        eventually(&format!("{count} are {state}"), || async {
            (self.states(endpoint).await.get(state) == Some(&count)).then_some(())
        })
        .await;
    }

    async fn replay(&self, endpoint: &str, input: &Value) -> Answer {
        self.post(&format!("/v1/endpoints/{endpoint}/replay"), input).await
    }

    /// The replay, once it has replayed this many deliveries and is in this state.
    async fn replayed(&self, replay: &Value, count: usize, state: &str) -> Value {
        let path = format!("/v1/replays/{}", replay["id"].as_str().unwrap());
        eventually(&format!("{count} are replayed, {state}"), || async {
            let shown = self.get(&path).await.expect(200);
            (shown["replayed"] == count && shown["state"] == state).then_some(shown)
        })
        .await
    }
}

/// The number of times each message has arrived.
fn arrivals(receiver: &Receiver) -> Vec<usize> {
    let mut counts = BTreeMap::<String, usize>::new();
    for message in receiver.received() {
        *counts.entry(message.header("webhook-id").to_owned()).or_default() += 1;
    }
    counts.into_values().collect()
}

on_both! {
    async fn one_delivery_is_sent_again(database: Database) {
        let mut hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = hub.with_failures(&receiver, 1).await;
        let failed = hub.delivery(&endpoint, "request.created", "failed").await;
        let path = format!("/v1/deliveries/{}/retry", failed["id"].as_str().unwrap());
        receiver.script([Behaviour::Status(500)]);
        let again = hub.post(&path, &json!({})).await.expect(200);
        assert_eq!((&again["state"], &again["replays"], &again["ended_at"]), (&json!("pending"), &json!(1), &Value::Null));
        receiver.wait_for(2).await;
        assert_eq!(hub.post(&path, &json!({})).await.problem(409), "not_ended");
        hub.advance(60);
        let delivery = hub.delivery(&endpoint, "request.created", "delivered").await;
        assert_eq!((&delivery["attempts"], &delivery["attempt_log"][2]["class"]), (&json!(3), &json!("success")));
        let messages = receiver.wait_for(3).await;
        assert!(messages.iter().all(|message| message.body == messages[0].body), "a retry sends the same");
        assert_eq!(hub.audited("delivery.").await, ["delivery.retried"]);
        hub.post(&path, &json!({})).await.expect(200);
        receiver.wait_for(4).await;
        hub.delivery(&endpoint, "request.created", "delivered").await;

        let admin = hub.token.clone();
        hub.token = hub.token_of("auditor").await;
        assert_eq!(hub.post(&path, &json!({})).await.problem(403), "forbidden");
        hub.token = admin;
        hub.send(hub.call(Method::DELETE, &format!("/v1/endpoints/{endpoint}")).bearer_auth(&hub.token)).await.expect(204);
        assert_eq!(hub.post(&path, &json!({})).await.problem(409), "endpoint_off");
        assert_eq!(hub.replay(&endpoint, &json!({})).await.problem(409), "endpoint_off");
        let unknown = "/v1/deliveries/dlv_00000000000000000000000000000000/retry";
        assert_eq!(hub.post(unknown, &json!({})).await.problem(404), "not_found");
        assert_eq!(Database::tally(&hub.database.url, "SELECT why, COUNT(*) FROM lost_deliveries GROUP BY why".to_owned()).await, BTreeMap::new());
    }

    async fn many_deliveries_are_replayed_at_the_given_rate(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = hub.with_failures(&receiver, 5).await;
        let dry = hub.replay(&endpoint, &json!({"dry_run": true})).await.expect(200);
        assert_eq!(dry, json!({"matched": 5, "dry_run": true}));
        let started = hub.replay(&endpoint, &json!({"rate_per_second": 2})).await.expect(201);
        assert_eq!((&started["matched"], &started["created_by"], &started["state"]), (&json!(5), &json!("operator"), &json!("running")));
        assert_eq!(started["filter"], json!({"states": ["failed"], "events": [], "from": null, "to": null}));
        assert_eq!(hub.replay(&endpoint, &json!({})).await.problem(409), "replay_running");
        hub.replayed(&started, 2, "running").await;
        receiver.wait_for(7).await;
        // Deliveries that fail after the start of the replay are not part of it.
        receiver.script([Behaviour::Status(404)]);
        hub.fail_more(&endpoint, 1).await;
        hub.advance(1);
        hub.replayed(&started, 4, "running").await;
        hub.advance(1);
        let finished = hub.replayed(&started, 5, "finished").await;
        assert_eq!(finished["ended_at"], json!(hub.now()));
        hub.until(&endpoint, "delivered", 5).await;
        assert_eq!(arrivals(&receiver), [2, 2, 2, 2, 2, 1]);
        assert_eq!(hub.audited("replay.").await, ["replay.started", "replay.finished"]);
        let listed = hub.get(&format!("/v1/endpoints/{endpoint}/replays")).await.expect(200);
        assert_eq!(listed["items"], json!([finished]));
        let cancel = format!("/v1/replays/{}/cancel", started["id"].as_str().unwrap());
        assert_eq!(hub.post(&cancel, &json!({})).await.expect(200), finished, "an ended replay does not change");
    }

    async fn filters_select_the_deliveries_to_replay(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = hub.with_failures(&receiver, 2).await;
        let start = hub.now();
        hub.advance(10);
        let request = hub.ask("orders", "x").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        receiver.script([Behaviour::Status(404)]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.delivery(&endpoint, "request.approved", "failed").await;
        let later = hub.now();
        for (filter, matched) in [
            (json!({}), 3),
            (json!({"states": ["failed", "delivered"]}), 4),
            (json!({"states": ["delivered"]}), 1),
            (json!({"states": ["expired", "superseded", "discarded", "accepted"]}), 0),
            (json!({"events": ["request.approved"]}), 1),
            (json!({"from": later}), 1),
            (json!({"to": later}), 2),
            (json!({"from": start, "to": later, "events": ["request.approved"]}), 0),
        ] {
            let mut input = filter.clone();
            input["dry_run"] = json!(true);
            assert_eq!(hub.replay(&endpoint, &input).await.expect(200)["matched"], matched, "{filter}");
        }
        for (wrong, code) in [
            (json!({"states": ["pending"]}), "invalid_state"),
            (json!({"events": ["request.exploded"]}), "unknown_event"),
            (json!({"from": later, "to": start}), "invalid_period"),
            (json!({"rate_per_second": 0}), "invalid_rate"),
            (json!({"rate_per_second": 1_001}), "invalid_rate"),
        ] {
            assert_eq!(hub.replay(&endpoint, &wrong).await.problem(422), code, "{wrong}");
        }
        let approved = hub.replay(&endpoint, &json!({"from": later, "states": ["failed", "delivered"]})).await.expect(201);
        hub.replayed(&approved, 2, "finished").await;
        hub.until(&endpoint, "delivered", 2).await;
        assert_eq!(hub.states(&endpoint).await["failed"], 2);
    }

    async fn a_replay_survives_its_hub_and_can_be_cancelled(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = hub.with_failures(&receiver, 4).await;
        let call = || hub.call(Method::POST, &format!("/v1/endpoints/{endpoint}/replay")).bearer_auth(&hub.token);
        let keyed = async |rate: u32| hub.send(call().header("Idempotency-Key", "k").json(&json!({"rate_per_second": rate}))).await;
        let replay = keyed(1).await.expect(201);
        hub.replayed(&replay, 1, "running").await;
        assert_eq!(keyed(1).await.expect(201)["id"], replay["id"]);
        assert_eq!(keyed(2).await.problem(409), "idempotency_key_reused");
        hub.until(&endpoint, "delivered", 1).await;
        let hub = hub.restart().await;
        assert_eq!(hub.replayed(&replay, 1, "running").await["matched"], 4);
        hub.advance(1);
        hub.replayed(&replay, 2, "running").await;
        let cancelled = hub.post(&format!("/v1/replays/{}/cancel", replay["id"].as_str().unwrap()), &json!({})).await.expect(200);
        assert_eq!((&cancelled["state"], &cancelled["ended_at"]), (&json!("cancelled"), &json!(hub.now())));
        hub.until(&endpoint, "delivered", 2).await;
        hub.advance(10);
        let rest = hub.replay(&endpoint, &json!({})).await.expect(201);
        hub.replayed(&rest, 2, "finished").await;
        hub.until(&endpoint, "delivered", 4).await;
        assert_eq!(arrivals(&receiver), [2; 4]);
        assert_eq!(hub.audited("replay.").await, ["replay.started", "replay.cancelled", "replay.started", "replay.finished"]);
    }

    async fn a_replay_ends_with_its_endpoint(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = hub.with_failures(&receiver, 3).await;
        let replay = hub.replay(&endpoint, &json!({"rate_per_second": 1})).await.expect(201);
        hub.replayed(&replay, 1, "running").await;
        hub.send(hub.call(Method::DELETE, &format!("/v1/endpoints/{endpoint}")).bearer_auth(&hub.token)).await.expect(204);
        hub.advance(1);
        hub.replayed(&replay, 1, "cancelled").await;
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let last = trail["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "replay.cancelled").unwrap();
        assert_eq!(last["details"]["reason"], "the endpoint was deleted");
        assert_eq!(last["actor"], json!({"kind": "hub"}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_a_replay() {
    let hub = TestHub::start(Database::postgres().await).await.with_policy().await;
    let receiver = Receiver::start().await;
    let endpoint = hub.with_failures(&receiver, 12).await;
    let replica = hub.replica().await;
    let replay = hub.replay(&endpoint, &json!({"rate_per_second": 3})).await.expect(201);
    for count in [3, 6, 9, 12] {
        hub.replayed(&replay, count, if count == 12 { "finished" } else { "running" }).await;
        replica.advance(6);
        hub.advance(6);
    }
    // The other replica finds what is due by its poll each second.
    eventually("12 are delivered", || async {
        replica.advance(1);
        hub.advance(1);
        (hub.states(&endpoint).await.get("delivered") == Some(&12)).then_some(())
    })
    .await;
    assert_eq!(arrivals(&receiver), [2; 12]);
    assert_eq!(hub.audited("replay.").await, ["replay.started", "replay.finished"]);
}
