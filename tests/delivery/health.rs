//! Endpoints that fail for long, and the consequences.

use std::time::Duration;

use countersign::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

const HOUR: u64 = 3_600;

/// The newest message of this type, while time passes: circuit breakers and retries wait for the clock.
async fn next_message(hub: &TestHub, watcher: &Receiver, kind: &str) -> Value {
    for _ in 0..200 {
        let found = watcher.find(|message| {
            let body = message.json();
            (body["type"] == kind).then_some(body)
        });
        if let Some(body) = found {
            return body;
        }
        idle(hub).await;
        hub.advance(61);
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    panic!("{kind} was never sent");
}

/// Waits until nothing is in progress: a jump of the clock would end its lease.
async fn idle(hub: &TestHub) {
    eventually("nothing is under way", || async {
        let sql = "SELECT state, COUNT(*) FROM deliveries WHERE state = 'leased' GROUP BY state".to_owned();
        Database::tally(&hub.database.url, sql).await.is_empty().then_some(())
    })
    .await;
}

/// Waits until this many deliveries are given up, while time passes.
async fn given_up(hub: &TestHub, endpoint: &str, count: usize) {
    for _ in 0..200 {
        idle(hub).await;
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries?state=failed")).await.expect(200);
        if page["items"].as_array().unwrap().len() == count {
            return;
        }
        hub.advance(61);
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    panic!("it is never given up");
}

async fn pass(hub: &TestHub, hours: u64) {
    idle(hub).await;
    hub.advance(hours * HOUR);
}

async fn failing(hub: &TestHub, receiver: &Receiver, watcher: &Receiver) -> String {
    receiver.script((0..500).map(|_| Behaviour::Status(500)));
    let ill = json!({"name": "ill", "channel": "custom", "url": receiver.url, "events": ["request.created", "ping"]});
    let id = hub.post("/v1/endpoints", &ill).await.expect(201)["id"].as_str().unwrap().to_owned();
    let events = ["endpoint.failing", "endpoint.disabled", "endpoint.recovered"];
    let other = json!({"name": "watcher", "channel": "custom", "url": watcher.url, "events": events});
    hub.post("/v1/endpoints", &other).await.expect(201);
    let not_meant =
        json!({"name": "dba", "channel": "custom", "url": watcher.url, "events": events, "groups": ["dba"]});
    hub.post("/v1/endpoints", &not_meant).await.expect(201);
    id
}

on_both! {
    async fn failures_that_are_not_the_endpoints_fault_are_shown_and_warned_of(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let watcher = Receiver::start().await;
        // Nothing listens at that port: the endpoint's proxy is unreachable.
        let ill = json!({"name": "ill", "channel": "custom", "url": "http://127.0.0.2:8009/x", "proxy": "http://127.0.0.1:9",
            "events": ["request.created"]});
        let ill = hub.post("/v1/endpoints", &ill).await.expect(201)["id"].as_str().unwrap().to_owned();
        let other = json!({"name": "watcher", "channel": "custom", "url": watcher.url, "events": ["endpoint.failing", "endpoint.disabled"]});
        hub.post("/v1/endpoints", &other).await.expect(201);
        hub.ask("orders", "select 1").await;
        let health = eventually("the failure is shown", || async {
            let shown = hub.get(&format!("/v1/endpoints/{ill}")).await.expect(200);
            shown["health"].is_object().then(|| shown["health"].clone())
        }).await;
        assert_eq!((health["failures"].as_u64(), health["charged"].as_u64()), (Some(1), Some(0)));
        assert!(health["last_error"].as_str().unwrap().starts_with("the proxy: "), "{health}");
        for number in 2..=9 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        idle(&hub).await;
        pass(&hub, 1).await;
        hub.ask("orders", "select 10").await;
        let warning = next_message(&hub, &watcher, "endpoint.failing").await;
        let about = &warning["data"]["endpoint"];
        assert_eq!((&about["name"], &about["disabled_at_latest"]), (&json!("ill"), &Value::Null));
        for hours in [24, 100, 100] {
            pass(&hub, hours).await;
            hub.ask("orders", "select 10").await;
            idle(&hub).await;
        }
        assert_eq!(hub.get(&format!("/v1/endpoints/{ill}")).await.expect(200)["state"], "active", "nothing is switched off");
        assert!(watcher.received().iter().all(|message| message.json()["type"] == "endpoint.failing"));
    }

    async fn a_replayed_delivery_begins_its_schedule_from_the_start(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script((0..4).map(|_| Behaviour::Status(500)));
        let (id, _) = hub.endpoint("ill", "custom", &receiver.url, &["dba"]).await;
        hub.ask("orders", "select 1").await;
        given_up(&hub, &id, 1).await;
        let page = hub.get(&format!("/v1/endpoints/{id}/deliveries?state=failed")).await.expect(200);
        let delivery = page["items"][0]["id"].as_str().unwrap().to_owned();
        let away = json!({"proxy": "http://127.0.0.1:9"});
        hub.send(hub.call(reqwest::Method::PATCH, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token).json(&away)).await.expect(200);
        hub.post(&format!("/v1/deliveries/{delivery}/retry"), &json!({})).await;
        let waiting = eventually("it failed again", || async {
            let shown = hub.get(&format!("/v1/deliveries/{delivery}")).await.expect(200);
            (shown["attempts"] == 5 && shown["state"] == "pending").then_some(shown)
        }).await;
        assert_eq!(waiting["attempt_log"][4]["class"], "proxy");
        let next = waiting["next_attempt_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert!(next.since(hub.now()) <= Duration::from_secs(2), "the first fault of the hub since the replay");
    }

    async fn a_failing_endpoint_is_warned_about_disabled_probed_and_recovers(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (receiver, watcher) = (Receiver::start().await, Receiver::start().await);
        let ill = failing(&hub, &receiver, &watcher).await;
        // Eight failures: the next few are enough for a warning.
        for times in 1..=2 {
            hub.ask("orders", "select 1").await;
            given_up(&hub, &ill, times).await;
        }
        pass(&hub, 1).await;
        hub.ask("orders", "select 2").await;
        let warning = next_message(&hub, &watcher, "endpoint.failing").await;
        let about = &warning["data"]["endpoint"];
        assert_eq!((about["id"].as_str(), about["state"].as_str()), (Some(ill.as_str()), Some("active")));
        assert_eq!(about["reason"], "the target answered 500");
        assert!(about["failing_since"].is_string() && !about["url"].as_str().unwrap().contains("hook"), "{about}");

        pass(&hub, 120).await;
        hub.ask("orders", "select 3").await;
        let off = next_message(&hub, &watcher, "endpoint.disabled").await;
        assert_eq!(off["data"]["endpoint"]["reason"], "nothing arrived there for 120 hours; last: the target answered 500");
        let shown = hub.get(&format!("/v1/endpoints/{ill}")).await.expect(200);
        assert_eq!(shown["state"], "disabled");
        let page = hub.get(&format!("/v1/endpoints/{ill}/deliveries")).await.expect(200);
        let waiting = page["items"].as_array().unwrap().iter().find(|one| one["state"] == "pending" || one["state"] == "leased");
        assert!(waiting.is_none(), "{waiting:?}");
        hub.ask("orders", "select 4").await;
        let before = page["items"].as_array().unwrap().len();
        let page = hub.get(&format!("/v1/endpoints/{ill}/deliveries")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), before, "it gets no new deliveries");

        receiver.heal();
        let on = next_message(&hub, &watcher, "endpoint.recovered").await;
        assert_eq!(on["data"]["endpoint"]["state"], "active");
        let probe = receiver.find(|message| (message.json()["type"] == "ping").then(|| message.json()));
        assert_eq!(probe.expect("a probe")["data"], json!({}));
        hub.ask("orders", "select 5").await;
        hub.delivery(&ill, "request.created", "delivered").await;
        // Each was sent once, to the endpoint without groups.
        let kinds: Vec<String> = watcher.received().iter().map(|message| message.json()["type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind != "endpoint.failing").collect::<Vec<_>>(), ["endpoint.disabled", "endpoint.recovered"]);
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let actions: Vec<&str> = trail["items"].as_array().unwrap().iter().filter_map(|one| one["action"].as_str()).collect();
        assert!(actions.contains(&"endpoint.disabled") && actions.contains(&"endpoint.recovered"), "{actions:?}");
    }

    async fn one_success_in_time_ends_a_failure_period(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (receiver, watcher) = (Receiver::start().await, Receiver::start().await);
        let ill = failing(&hub, &receiver, &watcher).await;
        // Eight failures: the next few are enough for a warning.
        for times in 1..=2 {
            hub.ask("orders", "select 1").await;
            given_up(&hub, &ill, times).await;
        }
        pass(&hub, 2).await;
        hub.ask("orders", "select 2").await;
        next_message(&hub, &watcher, "endpoint.failing").await;
        receiver.heal();
        hub.ask("orders", "select 3").await;
        next_message(&hub, &watcher, "endpoint.recovered").await;
        pass(&hub, 200).await;
        hub.ask("orders", "select 4").await;
        hub.delivery(&ill, "request.created", "delivered").await;
        assert_eq!(hub.get(&format!("/v1/endpoints/{ill}")).await.expect(200)["state"], "active");
    }

    async fn a_few_failures_days_apart_do_not_disable_an_endpoint(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (receiver, watcher) = (Receiver::start().await, Receiver::start().await);
        let ill = failing(&hub, &receiver, &watcher).await;
        for times in 1..=2 {
            hub.ask("orders", "select 1").await;
            given_up(&hub, &ill, times).await;
            pass(&hub, 121).await;
        }
        let shown = hub.get(&format!("/v1/endpoints/{ill}")).await.expect(200);
        assert_eq!((shown["state"].as_str(), &shown["health"]["failures"]), (Some("active"), &json!(8)));
        assert!(watcher.received().is_empty(), "eight failures cause no warning");
        hub.ask("orders", "select 1").await;
        next_message(&hub, &watcher, "endpoint.disabled").await;
    }
}
