//! Heartbeats: an endpoint that has received nothing for long is sent a ping.

use serde_json::{Value, json};

use crate::support::{Database, Receiver, TestHub, eventually, on_both};

const HOUR: u64 = 3_600;

async fn due_at(hub: &TestHub, endpoint: &str) -> i64 {
    let sql = format!("SELECT endpoint_id, due_at FROM endpoint_heartbeats WHERE endpoint_id = '{endpoint}'");
    Database::tally(&hub.database.url, sql).await.get(endpoint).copied().unwrap_or_default()
}

/// Waits until the heartbeat's time has been checked and moved. The clock advances, because a running check may have
/// read the time just before the clock was moved, and the next check is a second later.
async fn checked(hub: &TestHub, endpoint: &str, before: i64) -> i64 {
    eventually("the heartbeat is checked", || async {
        hub.advance(1);
        let now = due_at(hub, endpoint).await;
        (now != before).then_some(now)
    })
    .await
}

fn kinds(receiver: &Receiver) -> Vec<Value> {
    receiver.received().iter().map(|message| message.json()["type"].clone()).collect()
}

on_both! {
    async fn a_ping_is_sent_only_after_silence(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let input = json!({
            "name": "quiet", "channel": "custom", "url": receiver.url, "events": ["request.created"], "heartbeat_seconds": 2 * HOUR,
        });
        let made = hub.post("/v1/endpoints", &input).await.expect(201);
        assert_eq!(made["heartbeat_seconds"], 2 * HOUR);
        let id = made["id"].as_str().unwrap();
        let first = due_at(&hub, id).await;

        // Something is sent meanwhile: the heartbeat is postponed.
        hub.advance(HOUR);
        hub.ask("orders", "select 1").await;
        receiver.wait_for(1).await;
        hub.delivery(id, "request.created", "delivered").await;
        hub.advance(HOUR + 1);
        let second = checked(&hub, id, first).await;
        assert_eq!(second, first + 1_000_000 * i64::try_from(HOUR).unwrap());
        assert_eq!(kinds(&receiver), ["request.created"]);

        // Nothing is sent: a ping follows, although its filter excludes pings, and the next one later.
        hub.advance(HOUR);
        let third = checked(&hub, id, second).await;
        assert!(third > second);
        receiver.wait_for(2).await;
        hub.delivery(id, "ping", "delivered").await;
        assert_eq!(kinds(&receiver), ["request.created", "ping"]);

        // A paused endpoint gets no ping.
        hub.act_on(id, "pause").await.expect(200);
        hub.advance(2 * HOUR + 1);
        checked(&hub, id, third).await;
        assert_eq!(kinds(&receiver).len(), 2);

        let patched = hub.patch_endpoint(id, &json!({"heartbeat_seconds": null})).await.expect(200);
        assert_eq!(patched["heartbeat_seconds"], Value::Null);
        assert_eq!(due_at(&hub, id).await, 0);
        for seconds in [0, 3_599, 604_801] {
            let refused = hub.patch_endpoint(id, &json!({"heartbeat_seconds": seconds})).await.expect(422);
            assert_eq!((&refused["code"], &refused["pointer"]), (&json!("invalid_timeout"), &json!("/heartbeat_seconds")));
        }
    }

    async fn a_heartbeat_outlives_a_restart(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let input = json!({"name": "quiet", "channel": "teams", "url": receiver.url, "heartbeat_seconds": HOUR});
        hub.post("/v1/endpoints", &input).await.expect(201);
        let hub = hub.restart().await;
        hub.advance(HOUR + 1);
        let sent = receiver.wait_for(1).await;
        assert!(sent[0].body.contains("Countersign is connected"), "{}", sent[0].body);
    }

    async fn a_clock_set_back_does_not_stop_heartbeats(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let input = json!({"name": "quiet", "channel": "custom", "url": receiver.url, "events": [], "heartbeat_seconds": HOUR});
        let made = hub.post("/v1/endpoints", &input).await.expect(201);
        let id = made["id"].as_str().unwrap();
        let first = due_at(&hub, id).await;
        hub.advance(HOUR + 1);
        let second = checked(&hub, id, first).await;
        hub.delivery(id, "ping", "delivered").await;
        // Further than any heartbeat is postponed: its time and the last message lie weeks ahead.
        hub.clock.put_back(std::time::Duration::from_secs(30 * 24 * HOUR));
        let third = checked(&hub, id, second).await;
        let within = third - hub.now().as_micros();
        assert!(within <= 3_600_000_000, "an hour from now at most, not {within} µs");
        eventually("the endpoint gets a ping", || async { (kinds(&receiver).len() == 2).then_some(()) }).await;
    }
}
