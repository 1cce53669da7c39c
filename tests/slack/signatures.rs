//! Only calls by Slack are accepted: signed, recent, and each once.

use serde_json::json;

use super::fake::FakeSlack;
use super::member::{DANA, SIGNING_SECRET, button, clicked, form, sign};
use crate::support::{Database, TestHub, on_both};

const PATH: &str = "/v1/slack/interactions";

on_both! {
    async fn tampered_late_and_replayed_calls_change_nothing(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let slack = FakeSlack::start().await;
        hub.with_app(&slack, &["dba"]).await;
        hub.bind("dana@example.com", DANA).await;
        let request = hub.ask("orders", "x").await;
        let asked = slack.shows("C1", &["Approval needed"]).await;
        let body = clicked(&slack, DANA, &button(&asked, "Approve"), "dana");
        let now = hub.now().as_seconds();
        let genuine = sign(SIGNING_SECRET, now, &body);
        for (body, timestamp, signature) in [
            (body.replace(DANA, "UERIK"), now, genuine.clone()),
            (format!("{body}&x=1"), now, genuine.clone()),
            (body.clone(), now + 1, genuine.clone()),
            (body.clone(), now, sign("another-secret-of-somebody", now, &body)),
            (body.clone(), now - 301, sign(SIGNING_SECRET, now - 301, &body)),
            (body.clone(), now + 301, sign(SIGNING_SECRET, now + 301, &body)),
            (body.clone(), now, genuine.replacen("v0=", "v1=", 1)),
            (body.clone(), now, String::new()),
        ] {
            let refused = hub.somebody_sends(PATH, body, timestamp, &signature).await;
            assert_eq!(refused.problem(401), "signature_invalid", "{timestamp} {signature}");
        }
        assert_eq!(hub.show(&request).await["status"], "pending");
        hub.somebody_sends(PATH, body.clone(), now, &genuine).await.expect(200);
        slack.shows("C1", &["✅ Approved"]).await;
        let upper = genuine.replacen("v0=", "", 1).to_uppercase();
        for signature in [genuine.clone(), format!("v0={upper}")] {
            let again = hub.somebody_sends(PATH, body.clone(), now, &signature).await;
            assert!([401, 409].contains(&again.status), "{}", again.text);
        }
        let hub = hub.restart().await;
        assert_eq!(hub.somebody_sends(PATH, body, now, &genuine).await.problem(409), "signature_used");
        assert_eq!(hub.show(&request).await["votes"].as_array().unwrap().len(), 1);
    }

    async fn signed_nonsense_is_refused_and_irrelevant_calls_are_acknowledged(database: Database) {
        let hub = TestHub::start(database).await;
        let slack = FakeSlack::start().await;
        assert_eq!(hub.slack_sends(PATH, "payload=x".to_owned()).await.problem(401), "signature_invalid");
        hub.with_app(&slack, &[]).await;
        for nonsense in ["", "payload=x", "payload=%7B%7D", "x"] {
            assert_eq!(hub.slack_sends(PATH, nonsense.to_owned()).await.problem(422), "invalid_payload");
        }
        for payload in [
            r#"{"type":"view_closed","team":{"id":"T1"},"user":{"id":"U1"}}"#,
            r#"{"type":"block_actions","team":{"id":"T1"},"user":{"id":"U1"},"actions":[{"action_id":"xY1"}]}"#,
            r#"{"type":"block_actions","team":{"id":"T1"},"user":{"id":"U1"},"actions":[]}"#,
        ] {
            let body = form(&[("payload", payload)]);
            hub.slack_sends(PATH, body).await.expect(200);
        }
        hub.slack_sends("/v1/slack/commands", "ssl_check=1&token=x".to_owned()).await.expect(200);
    }

    async fn an_app_beyond_the_limit_of_signing_secrets_is_refused(database: Database) {
        let hub = TestHub::start(database).await;
        let app = |number: usize, secret: usize| {
            let slack = json!({"bot_token": "xoxb-1", "signing_secret": format!("{secret:032x}"), "channel": "C1", "team": "T1"});
            json!({"name": format!("app-{number}"), "channel": "slack_app", "slack": slack})
        };
        for number in 0..32 {
            hub.post("/v1/endpoints", &app(number, number)).await.expect(201);
        }
        let refused = hub.post("/v1/endpoints", &app(32, 32)).await;
        assert_eq!((refused.problem(422).as_str(), &refused.json()["pointer"]), ("too_many", &json!("/slack/signing_secret")));
        let refused = hub.post("/v1/apply", &json!({"endpoints": [app(32, 32)]})).await;
        assert_eq!((refused.problem(422).as_str(), &refused.json()["pointer"]), ("too_many", &json!("/endpoints/app-32/slack/signing_secret")));
        let id = hub.post("/v1/endpoints", &app(32, 5)).await.expect(201)["id"].clone();
        let path = format!("/v1/endpoints/{}", id.as_str().unwrap());
        let patch = json!({"slack": {"signing_secret": format!("{:032x}", 99)}});
        let patched = hub.send(hub.call(reqwest::Method::PATCH, &path).bearer_auth(&hub.token).json(&patch)).await;
        assert_eq!(patched.problem(422), "too_many");
    }
}
