//! Graceful shutdown: nothing is lost or sent twice, and waiting deliveries do not delay it.

use std::sync::Arc;
use std::time::Duration;

use countersign::store::StoreError;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::support::{Behaviour, Database, Options, Receiver, TestHub, on_both};

/// Keeps the writer inside a transaction until `gate` is open; `reached` signals that it is there.
fn hold_writer(hub: &TestHub, gate: &Arc<Semaphore>, reached: &Arc<Notify>) -> tokio::task::JoinHandle<()> {
    let (store, gate, reached) = (Arc::clone(hub.server.store()), Arc::clone(gate), Arc::clone(reached));
    tokio::spawn(async move {
        let held = store.write::<_, (), StoreError>(move |_| {
            Box::pin(async move {
                reached.notify_one();
                let _open = gate.acquire().await.unwrap();
                Ok(())
            })
        });
        held.await.unwrap();
    })
}

async fn states(hub: &TestHub, endpoint: &str) -> Vec<String> {
    let page = hub.get(&format!("/v1/endpoints/{endpoint}/deliveries?limit=500")).await.expect(200);
    page["items"].as_array().unwrap().iter().map(|item| item["state"].as_str().unwrap().to_owned()).collect()
}

on_both! {
    async fn a_delivery_committed_during_shutdown_is_sent_once_and_recorded(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (endpoint, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
        let (first, second) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let reached = Arc::new(Notify::new());
        let before = hold_writer(&hub, &first, &reached);
        reached.notified().await;
        // These two share the next transaction: the request reserves a place for its delivery and waits for the commit.
        let ask = json!({"resource": "orders", "command": "x", "requester": {"email": "nora@example.com"}});
        let asking = hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token).json(&ask);
        let asked = tokio::spawn(async move { asking.send().await.unwrap().status() });
        tokio::time::sleep(Duration::from_millis(200)).await;
        let behind = hold_writer(&hub, &second, &reached);
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.add_permits(1);
        reached.notified().await;
        let stopping = tokio::spawn(hub.stop());
        tokio::time::sleep(Duration::from_millis(200)).await;
        second.add_permits(1);
        let (database, clock) = stopping.await.unwrap();
        assert_eq!(asked.await.unwrap(), 201);
        before.await.unwrap();
        behind.await.unwrap();
        let hub = TestHub::start_at(database, Options::default(), clock).await;
        assert_eq!(states(&hub, &endpoint).await, ["delivered"]);
        assert_eq!(receiver.received().len(), 1);
    }

    async fn waiting_deliveries_are_released_and_not_sent_during_shutdown(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let gate = Arc::new(Semaphore::new(0));
        receiver.script([Behaviour::Held(Arc::clone(&gate), 200)]);
        let input = json!({"name": "slow", "channel": "custom", "url": receiver.url, "events": ["request.created"], "concurrency": 1});
        let endpoint = hub.post("/v1/endpoints", &input).await.expect(201)["id"].as_str().unwrap().to_owned();
        for number in 0..10 {
            hub.ask("orders", &format!("select {number}")).await;
        }
        receiver.wait_for(1).await;
        let stopping = tokio::spawn(hub.stop());
        tokio::time::sleep(Duration::from_millis(200)).await;
        gate.add_permits(1);
        let (database, clock) = stopping.await.unwrap();
        assert_eq!(receiver.received().len(), 1, "the send in progress ends, no other starts");
        receiver.choose(|_, _| Behaviour::Status(500));
        let hub = TestHub::start_at(database, Options::default(), clock).await;
        let lost = hub.get(&format!("/v1/endpoints/{endpoint}/attempts?class=lost")).await.expect(200);
        assert_eq!(lost["items"], Value::Array(Vec::new()), "nothing was left leased");
        assert_eq!(states(&hub, &endpoint).await.iter().filter(|state| *state == "delivered").count(), 1);
    }
}
