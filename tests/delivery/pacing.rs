//! How endpoints are isolated: circuit breakers, rate limits, and deliveries that are no longer sent.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

async fn deliveries(hub: &TestHub, endpoint: &str) -> Vec<Value> {
    let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries?limit=500")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// An endpoint that receives new requests only.
async fn listener(hub: &TestHub, name: &str, channel: &str, url: &str) -> String {
    let input = json!({"name": name, "channel": channel, "url": url, "events": ["request.created"]});
    hub.post("/v1/endpoints", &input).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// The number of received messages, once none has arrived for a while.
async fn settled(receiver: &Receiver) -> usize {
    let mut before = usize::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = receiver.received().len();
        if now == before {
            return now;
        }
        before = now;
    }
}

on_both! {
    async fn consecutive_failures_open_the_breaker_and_one_probe_closes_it(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script((0..6).map(|_| Behaviour::Status(500)));
        let endpoint = listener(&hub, "ill", "custom", &receiver.url).await;
        for number in 0..5 {
            hub.ask("orders", &format!("select {number}")).await;
            receiver.wait_for(number + 1).await;
            eventually("it is recorded", || async {
                (deliveries(&hub, &endpoint).await.iter().filter(|one| one["attempts"] == 1).count() == number + 1).then_some(())
            }).await;
        }
        for number in 5..25 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        assert_eq!(settled(&receiver).await, 5, "nothing more is sent");
        let waiting = deliveries(&hub, &endpoint).await;
        assert!(waiting.iter().all(|one| one["state"] == "pending"), "{waiting:?}");
        assert_eq!(waiting.iter().filter(|one| one["attempts"] == 0).count(), 20, "waiting uses no attempts");
        hub.advance(2);
        assert_eq!(settled(&receiver).await, 6, "one probe, which fails");
        hub.advance(4);
        settled(&receiver).await;
        // Deliveries that were tried before wait for their own time.
        hub.advance(60);
        eventually("all arrive", || async {
            deliveries(&hub, &endpoint).await.iter().all(|one| one["state"] == "delivered").then_some(())
        }).await;
        assert_eq!(receiver.received().len(), 6 + 25);
    }

    async fn a_request_decided_while_its_delivery_waits_in_memory_is_not_announced(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let gate = Arc::new(Semaphore::new(0));
        receiver.script([Behaviour::Held(Arc::clone(&gate), 200)]);
        let input = json!({"name": "slow", "channel": "custom", "url": receiver.url, "events": ["request.created"], "concurrency": 1});
        let endpoint = hub.post("/v1/endpoints", &input).await.expect(201)["id"].as_str().unwrap().to_owned();
        let mut asked = Vec::new();
        for number in 0..4 {
            asked.push(hub.ask("orders", &format!("select {number}")).await);
        }
        receiver.wait_for(1).await;
        hub.vote(&asked[1], "reject", "dana@example.com").await.expect(200);
        let revised = json!({"command": "select 22", "reason": "typo"});
        hub.post(&format!("/v1/requests/{}/revise", asked[2]["id"].as_str().unwrap()), &revised).await.expect(200);
        hub.advance(2);
        gate.add_permits(1);
        let ends = eventually("all have ended", || async {
            let found = deliveries(&hub, &endpoint).await;
            let ended = |one: &Value| !["pending", "leased"].contains(&one["state"].as_str().unwrap());
            found.iter().all(ended).then_some(found)
        }).await;
        let state = |request: &Value| ends.iter().find(|end| end["request_id"] == request["id"]).unwrap()["state"].clone();
        assert_eq!([0, 1, 2, 3].map(|at| state(&asked[at])), ["delivered", "superseded", "superseded", "delivered"]);
        assert_eq!(receiver.received().len(), 2, "nothing else was sent");
    }

    async fn a_chat_channel_is_sent_no_more_than_its_rate_limit(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let endpoint = listener(&hub, "flow", "teams", &receiver.url).await;
        for number in 0..14 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        for sent in 1..=14 {
            assert_eq!(settled(&receiver).await, sent, "four a second, one after the other");
            hub.clock.advance(Duration::from_millis(250));
        }
        eventually("all arrive", || async {
            deliveries(&hub, &endpoint).await.iter().all(|one| one["state"] == "delivered").then_some(())
        }).await;
        assert!(deliveries(&hub, &endpoint).await.iter().all(|one| one["attempts"] == 1), "waiting is no attempt");
    }

    async fn an_endpoint_with_oversized_answers_is_sent_to_slowly(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\n{}", "x".repeat(20_000));
        receiver.script((0..10).map(|_| Behaviour::Raw(long.clone())));
        let endpoint = listener(&hub, "talks", "custom", &receiver.url).await;
        hub.ask("orders", "select 0").await;
        hub.delivery(&endpoint, "request.created", "delivered").await;
        for number in 1..30 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        // A bucket for fifty a second holds five.
        assert_eq!(settled(&receiver).await, 6);
        hub.clock.advance(Duration::from_millis(100));
        assert_eq!(settled(&receiver).await, 30, "its answers are short again");
    }

    async fn retry_after_pauses_the_whole_endpoint(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Raw("HTTP/1.1 429 Slow\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n".to_owned())]);
        let endpoint = listener(&hub, "busy", "custom", &receiver.url).await;
        hub.ask("orders", "select 0").await;
        receiver.wait_for(1).await;
        eventually("it is recorded", || async { (deliveries(&hub, &endpoint).await[0]["attempts"] == 1).then_some(()) }).await;
        for number in 1..4 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        assert_eq!(settled(&receiver).await, 1, "the others wait too");
        hub.advance(31);
        receiver.wait_for(4).await;
    }

    async fn a_revised_request_is_not_announced_in_its_old_form(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(500)]);
        let endpoint = listener(&hub, "late", "custom", &receiver.url).await;
        let request = hub.ask("orders", "select 1").await;
        receiver.wait_for(1).await;
        eventually("it is recorded", || async { (deliveries(&hub, &endpoint).await[0]["attempts"] == 1).then_some(()) }).await;
        let id = request["id"].as_str().unwrap();
        hub.post(&format!("/v1/requests/{id}/revise"), &json!({"command": "select 2", "reason": "typo"})).await.expect(200);
        hub.advance(60);
        let ended = hub.delivery(&endpoint, "request.created", "superseded").await;
        assert_eq!(ended["end_reason"], "the request was changed meanwhile");
        assert_eq!(receiver.received().len(), 1);
    }

    async fn lost_attempts_do_not_count_towards_the_limit(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(500), Behaviour::Status(500)]);
        let endpoint = listener(&hub, "killed", "custom", &receiver.url).await;
        hub.patch_endpoint(&endpoint, &json!({"schedule": [1, 1]})).await.expect(200);
        let attempts = |count: u64| {
            let (hub, endpoint) = (&hub, &endpoint);
            eventually("it is recorded", move || async move {
                (deliveries(hub, endpoint).await.first()?["attempts"] == count).then_some(())
            })
        };
        hub.ask("orders", "select 1").await;
        attempts(1).await;
        // As many kills while it was being sent.
        Database::run(&hub.database.url, "UPDATE deliveries SET attempts = 7, lost = 6".to_owned()).await;
        hub.advance(2);
        attempts(8).await;
        hub.advance(2);
        hub.delivery(&endpoint, "request.created", "delivered").await;
    }
}
