//! The health of an endpoint, and the reasons why its deliveries are held.

use serde_json::{Value, json};

use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

impl TestHub {
    /// The endpoint, once the list and its own page agree.
    async fn status(&self, endpoint: &str) -> Value {
        eventually("both agree", || async {
            let shown = self.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200);
            let page = self.get("/v1/endpoints").await.expect(200);
            page["items"].as_array().unwrap().contains(&shown).then_some(shown)
        })
        .await
    }
}

on_both! {
    async fn failures_are_counted_until_something_arrives(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (healthy, _) = hub.endpoint("well", "custom", &Receiver::start().await.url, &["security"]).await;
        let (failing, _) = hub.endpoint("ill", "custom", &receiver.url, &["dba"]).await;
        assert_eq!(hub.status(&failing).await["health"], Value::Null);
        receiver.script([500, 404, 503, 500, 500].map(Behaviour::Status));
        let start = hub.now();
        for _ in 0..5 {
            hub.ask("orders", "x").await;
        }
        let status = eventually("five failures are on record", || async {
            let status = hub.status(&failing).await;
            (status["health"]["failures"] == 5).then_some(status)
        }).await;
        let health = &status["health"];
        assert_eq!((&health["failing_since"], &health["probe_at"]), (&json!(start), &Value::Null));
        assert!(health["last_error"].as_str().unwrap().starts_with("the target "), "{health}");
        let trail = hub.get("/v1/audit?limit=500").await;
        assert!(!trail.text.contains("last_error"), "health is no part of the configuration");
        assert_eq!(hub.status(&healthy).await["health"], Value::Null);
        hub.advance(60);
        eventually("it is healthy again", || async { hub.status(&failing).await["health"].is_null().then_some(()) }).await;
    }

    async fn an_open_breaker_and_retry_after_are_shown(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &[]).await;
        let busy = "HTTP/1.1 429 Slowly\r\nretry-after: 100\r\ncontent-length: 0\r\n\r\n".to_owned();
        receiver.script([Behaviour::Raw(busy)]);
        assert_eq!(hub.status(&id).await["held"], Value::Null);
        hub.ask("orders", "x").await;
        let held = async |by: &'static str| {
            eventually(by, || async {
                let held = hub.status(&id).await["held"].clone();
                (held["by"] == by).then_some(held)
            }).await
        };
        let until = hub.now() + std::time::Duration::from_secs(100);
        assert_eq!(held("throttled").await, json!({"by": "throttled", "until": until}));
        hub.act_on(&id, "pause").await.expect(200);
        eventually("a paused endpoint has no other reason to wait", || async { hub.status(&id).await["held"].is_null().then_some(()) }).await;
        hub.act_on(&id, "resume").await.expect(200);
        receiver.script((0..50).map(|_| Behaviour::Status(500)));
        hub.advance(101);
        for _ in 0..5 {
            hub.ask("orders", "x").await;
        }
        let until = held("breaker").await["until"].as_str().unwrap().parse().unwrap();
        assert!(hub.now() < until && until <= hub.now() + std::time::Duration::from_secs(2), "{until}");
        receiver.heal();
        hub.advance(3);
        eventually("its deliveries are no longer held", || async { hub.status(&id).await["held"].is_null().then_some(()) }).await;
    }
}
