//! Deliveries: what is sent, how it is signed and retried, and how it ends.

mod clock;
mod health;
mod pacing;
mod refused;
mod stopping;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Behaviour, Database, Options, Received, Receiver, TestHub, eventually, on_both};

/// Verifies the signature with an independent implementation; its own `verify` would use the machine's clock.
fn verify(message: &Received, secret: &str) {
    let webhook = standardwebhooks::Webhook::new(secret).unwrap();
    let at = message.header("webhook-timestamp").parse().unwrap();
    let signature = webhook.sign(message.header("webhook-id"), at, message.body.as_bytes()).unwrap();
    assert_eq!(message.header("webhook-signature"), signature);
}

/// Waits until the endpoint's newest delivery has this many recorded attempts.
async fn recorded(hub: &TestHub, endpoint: &str, attempts: usize) {
    eventually("the attempt is recorded", || async {
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
        (page["items"][0]["attempts"] == attempts).then_some(())
    })
    .await;
}

on_both! {
    async fn every_event_is_delivered_signed_and_complete(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (endpoint, secret) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask("customers", "select 'ä🙂'").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let decided = hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        let mut messages = receiver.wait_for(3).await;
        messages.sort_by_key(|message| message.header("webhook-id").to_owned());
        messages.iter().for_each(|message| verify(message, &secret));
        let types: Vec<Value> = messages.iter().map(|message| message.json()["type"].clone()).collect();
        assert_eq!(types, ["request.created", "request.voted", "request.approved"]);
        assert_eq!(messages[0].json()["data"]["request"], request);
        assert_eq!(messages[2].json()["data"]["request"], decided);
        assert!(messages[2].json()["data"]["links"]["approve"].is_null(), "nothing left to decide");
        assert_eq!(messages[0].header("webhook-timestamp"), hub.now().as_seconds().to_string());
        let delivery = hub.delivery(&endpoint, "request.approved", "delivered").await;
        assert_eq!((delivery["attempts"].as_u64(), delivery["attempt_log"][0]["class"].as_str()), (Some(1), Some("success")));
        assert_eq!((delivery["attempt_log"][0]["status"].as_u64(), delivery["attempt_log"][0]["answer"].as_str()), (Some(200), Some("ok")));
    }

    async fn expiry_is_delivered_too(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        hub.endpoint("dba", "custom", &receiver.url, &[]).await;
        hub.ask("orders", "x").await;
        receiver.wait_for(1).await;
        hub.advance(3_600);
        let messages = receiver.wait_for(2).await;
        assert_eq!(messages[1].json()["type"], "request.expired");
        assert_eq!(messages[1].json()["data"]["request"]["decision"]["method"], "timeout");
    }

    async fn filters_must_all_match(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        for (name, filter) in [
            ("other-event", json!({"events": ["request.rejected"]})),
            ("other-resource", json!({"resources": ["customers"]})),
            ("other-group", json!({"groups": ["security"]})),
            ("mine", json!({"events": ["request.created"], "resources": ["orders"], "groups": ["dba", "security"]})),
        ] {
            let mut input = json!({"name": name, "channel": "custom", "url": receiver.url});
            input.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
            hub.post("/v1/endpoints", &input).await.expect(201);
        }
        let request = hub.ask("orders", "x").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        receiver.wait_for(1).await;
        let endpoints = hub.get("/v1/endpoints").await.expect(200);
        let mut delivery = Vec::new();
        for endpoint in endpoints["items"].as_array().unwrap() {
            let page = hub.get(&format!("/v1/endpoints/{}/deliveries", endpoint["id"].as_str().unwrap())).await.expect(200);
            delivery.push((endpoint["name"].as_str().unwrap().to_owned(), page["items"].as_array().unwrap().len()));
        }
        let expected = [("other-event", 0), ("other-resource", 0), ("other-group", 0), ("mine", 1)];
        assert_eq!(delivery, expected.map(|(name, count)| (name.to_owned(), count)));
    }

    async fn failures_are_retried_with_the_same_id_and_body(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n".to_owned();
        receiver.script([Behaviour::Status(500), Behaviour::Reset, Behaviour::Raw(busy)]);
        let (endpoint, secret) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        hub.ask("orders", "x").await;
        for count in 1..=3 {
            receiver.wait_for(count).await;
            recorded(&hub, &endpoint, count).await;
            if count == 3 {
                hub.advance(119);
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert_eq!(receiver.received().len(), 3, "Retry-After is honoured");
            }
            hub.advance(60);
        }
        let messages = receiver.wait_for(4).await;
        messages.iter().for_each(|message| verify(message, &secret));
        assert!(messages.iter().all(|message| message.body == messages[0].body));
        assert!(messages.iter().all(|message| message.header("webhook-id") == messages[0].header("webhook-id")));
        assert_ne!(messages[0].header("webhook-timestamp"), messages[3].header("webhook-timestamp"));
        let delivery = hub.delivery(&endpoint, "request.created", "delivered").await;
        let classes: Vec<&str> = delivery["attempt_log"].as_array().unwrap().iter().map(|a| a["class"].as_str().unwrap()).collect();
        assert_eq!(classes, ["transient", "transient", "throttled", "success"]);
    }

    async fn a_permanent_refusal_and_exhausted_retries_end_a_delivery(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(404)]);
        let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask("orders", "x").await;
        let failed = hub.delivery(&endpoint, "request.created", "failed").await;
        assert_eq!((failed["attempts"].as_u64(), failed["attempt_log"][0]["class"].as_str()), (Some(1), Some("permanent")));
        assert_eq!(hub.show(&request).await["status"], "pending", "the request continues");

        let moved = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/?sig=SECRET\r\ncontent-length: 0\r\n\r\n".to_owned();
        receiver.script([Behaviour::Raw(moved)]);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let failed = hub.delivery(&endpoint, "request.approved", "failed").await;
        assert!(failed["end_reason"].as_str().unwrap().contains("redirects are not followed: it points to http://169.254.169.254/…"));

        receiver.script((0..4).map(|_| Behaviour::Status(500)));
        hub.ask("orders", "y").await;
        for count in 3..=6 {
            receiver.wait_for(count).await;
            recorded(&hub, &endpoint, count - 2).await;
            hub.advance(100);
        }
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
        assert_eq!((page["items"][0]["state"].as_str(), page["items"][0]["end_reason"].as_str()), (Some("failed"), Some("given up after 4 attempts")));
    }

    async fn status_410_disables_the_endpoint(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(410)]);
        let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        hub.ask("orders", "x").await;
        hub.delivery(&endpoint, "request.created", "failed").await;
        let shown = hub.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200);
        assert_eq!(shown["state"], "disabled");
        hub.ask("orders", "y").await;
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "nothing more is sent there");
    }

    async fn a_decided_request_is_not_announced_late(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(500)]);
        let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask("orders", "x").await;
        recorded(&hub, &endpoint, 1).await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.delivery(&endpoint, "request.approved", "delivered").await;
        hub.advance(60);
        hub.delivery(&endpoint, "request.created", "superseded").await;
        assert_eq!(receiver.received().len(), 2);
    }

    async fn a_restarted_hub_continues_its_deliveries(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(500)]);
        let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        hub.ask("orders", "x").await;
        recorded(&hub, &endpoint, 1).await;
        let hub = hub.restart().await;
        hub.advance(60);
        hub.delivery(&endpoint, "request.created", "delivered").await;
        let ids: Vec<String> = receiver.received().iter().map(|message| message.header("webhook-id").to_owned()).collect();
        assert_eq!(ids[0], ids[1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_endpoint_times_out_and_delays_no_other() {
    let options = Options { delivery_timeout_sec: 1, ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await.with_policy().await;
    let (silent, healthy) = (Receiver::start().await, Receiver::start().await);
    silent.script((0..20).map(|_| Behaviour::Never));
    let (endpoint, _) = hub.endpoint("silent", "custom", &silent.url, &["dba"]).await;
    hub.endpoint("healthy", "custom", &healthy.url, &["dba"]).await;
    for number in 0..20 {
        hub.ask("orders", &format!("select {number}")).await;
    }
    healthy.wait_for(20).await;
    assert!(silent.received().len() <= 8, "a silent endpoint uses no more than its share");
    let page = eventually("an attempt times out", || async {
        let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries")).await.expect(200);
        page["items"].as_array().unwrap().iter().find(|item| item["attempts"] == 1).cloned()
    });
    let detail = hub.get(&format!("/v1/deliveries/{}", page.await["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(detail["attempt_log"][0]["error"], "no complete answer within 1 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_within_the_deadline_counts() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let receiver = Receiver::start().await;
    receiver.script([Behaviour::Late(Duration::from_millis(300))]);
    let (endpoint, _) = hub.endpoint("late", "custom", &receiver.url, &["dba"]).await;
    hub.ask("orders", "x").await;
    let delivery = hub.delivery(&endpoint, "request.created", "delivered").await;
    assert!(delivery["attempt_log"][0]["duration_us"].as_u64().unwrap() >= 300_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_answer_is_truncated() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let receiver = Receiver::start().await;
    let huge = format!("HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n{}", "x ".repeat(2_500_000));
    receiver.script([Behaviour::Raw(huge)]);
    let (endpoint, _) = hub.endpoint("huge", "custom", &receiver.url, &["dba"]).await;
    hub.ask("orders", "x").await;
    let delivery = hub.delivery(&endpoint, "request.created", "delivered").await;
    assert_eq!(delivery["attempt_log"][0]["answer"].as_str().unwrap().len(), 1_024);
}

/// A name is judged when it is dialled: its text does not show where it points.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_resolves_to_an_internal_address_is_not_dialled() {
    let options = Options { allow_targets: Vec::new(), ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await.with_policy().await;
    // Every Debian machine resolves its own name to a loopback address.
    let name = std::fs::read_to_string("/etc/hostname").unwrap();
    let input =
        json!({"name": "self", "channel": "custom", "url": format!("http://{}:8009/", name.trim()), "groups": ["dba"]});
    let made = hub.post("/v1/endpoints", &input).await.expect(201);
    hub.ask("orders", "x").await;
    let id = made["id"].as_str().unwrap();
    recorded(&hub, id, 1).await;
    let waiting = hub.delivery(id, "request.created", "pending").await;
    assert_eq!(waiting["attempt_log"][0]["class"], "forbidden");
    assert!(waiting["attempt_log"][0]["error"].as_str().unwrap().contains("COUNTERSIGN_ALLOW_TARGETS"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_file_with_broken_json_falls_back_to_the_built_in_template() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("custom")).unwrap();
    let broken = "{\n  \"type\": \"{{event.type}}\",\n  \"data\" {{json request}}\n}";
    std::fs::write(folder.path().join("custom/request.created.hbs"), broken).unwrap();
    let options = Options { templates_dir: Some(folder.path().to_owned()), ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await.with_policy().await;
    let receiver = Receiver::start().await;
    let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    let request = hub.ask("orders", "x").await;
    hub.delivery(&endpoint, "request.created", "delivered").await;
    let delivery: Value = serde_json::from_str(&receiver.received()[0].body).unwrap();
    assert_eq!(delivery["data"]["request"]["id"], request["id"]);
    let problem = hub.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200)["template_problem"].clone();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("custom/request.created.hbs, line 3: the output is not JSON"), "{detail}");
}
