//! Real sends to targets that answer as each service does.

use reqwest::Method;
use serde_json::json;

use crate::support::{Behaviour, Database, Receiver, TestHub, eventually, on_both};

fn answer(status: u16, body: &str) -> Behaviour {
    Behaviour::Raw(format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

on_both! {
    async fn each_services_answers_are_understood(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for (name, channel, behaviour, state, expected) in [
            ("slack-ok", "slack", answer(200, "ok"), "delivered", ""),
            ("slack-refuses", "slack", answer(400, "invalid_payload"), "failed", "Slack: invalid_payload"),
            ("slack-gone", "slack", answer(404, "no_service"), "failed", "Slack: no_service"),
            ("discord-ok", "discord", answer(200, r#"{"id": "1"}"#), "delivered", ""),
            ("discord-blind", "discord", Behaviour::Status(204), "accepted", ""),
            ("discord-gone", "discord", answer(404, r#"{"message": "Unknown Webhook", "code": 10015}"#), "failed", "Discord: 10015"),
            ("google-ok", "google_chat", answer(200, r#"{"name": "spaces/x/messages/y"}"#), "delivered", ""),
            ("google-refuses", "google_chat", answer(400, r#"{"error": {"status": "INVALID_ARGUMENT", "message": "no card"}}"#), "failed", "INVALID_ARGUMENT: no card"),
        ] {
            let receiver = Receiver::start().await;
            receiver.script([behaviour]);
            let (endpoint, secret) = hub.endpoint(name, channel, &receiver.url, &["dba"]).await;
            assert_eq!(secret, "", "{name}: its URL is the secret");
            hub.ask("orders", "select 1").await;
            let delivery = hub.delivery(&endpoint, "request.created", state).await;
            assert!(delivery["attempt_log"].to_string().contains(expected), "{name}: {delivery}");
            let shown = hub.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200);
            assert_eq!(shown["state"] == "disabled", name.ends_with("-gone"), "{name}: {shown}");
            let sent = receiver.received()[0].clone();
            assert!(!sent.headers.contains_key("webhook-signature"), "{name}");
            assert!(sent.body.contains("Approval needed"), "{name}: {}", sent.body);
            hub.send(hub.call(Method::DELETE, &format!("/v1/endpoints/{endpoint}")).bearer_auth(&hub.token)).await.expect(204);
        }
    }

    async fn a_web_page_is_no_delivery_and_retry_after_is_read_where_it_applies(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let page = "<!DOCTYPE html>\n<html><body>Please log in</body></html>";
        for (channel, class) in [
            ("slack", "transient"), ("discord", "transient"), ("google_chat", "transient"), ("teams", "transient"), ("custom", "success"),
        ] {
            let receiver = Receiver::start().await;
            receiver.script([answer(200, page)]);
            let (endpoint, _) = hub.endpoint(&format!("{channel}-page"), channel, &receiver.url, &["dba"]).await;
            hub.ask("orders", "select 1").await;
            let state = if class == "success" { "delivered" } else { "pending" };
            let log = eventually("an attempt is on record", || async {
                let log = hub.delivery(&endpoint, "request.created", state).await["attempt_log"].clone();
                (!log.as_array().unwrap().is_empty()).then_some(log)
            }).await;
            assert_eq!(log[0]["class"], class, "{channel}: {log}");
            hub.send(hub.call(Method::DELETE, &format!("/v1/endpoints/{endpoint}")).bearer_auth(&hub.token)).await.expect(204);
        }
        let receiver = Receiver::start().await;
        let head = "HTTP/1.1 429 X\r\nretry-after: 1337\r\nx-ratelimit-reset-after: 1.337\r\ncontent-length: 0\r\n\r\n";
        receiver.script([Behaviour::Raw(head.to_owned())]);
        let (endpoint, _) = hub.endpoint("discord-busy", "discord", &receiver.url, &["dba"]).await;
        hub.ask("orders", "select 1").await;
        let delivery = eventually("it is scheduled for a retry", || async {
            let delivery = hub.delivery(&endpoint, "request.created", "pending").await;
            (!delivery["attempt_log"].as_array().unwrap().is_empty()).then_some(delivery)
        }).await;
        let time = |text: &serde_json::Value| text.as_str().unwrap().parse::<countersign::time::Timestamp>().unwrap();
        let wait = time(&delivery["next_attempt_at"]).since(hub.now());
        assert!(wait < std::time::Duration::from_secs(60), "milliseconds are not taken for seconds: {wait:?}, {delivery}");
    }

    async fn invalid_channel_settings_are_refused(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        for channel in ["teams", "slack", "discord", "google_chat"] {
            let secret = json!({"name": "x", "channel": channel, "url": "https://hooks.example.com/x", "secret": "whsec_x"});
            assert_eq!(hub.post("/v1/endpoints", &secret).await.expect(422)["code"], "invalid_secret");
        }
    }
}
