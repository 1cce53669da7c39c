//! Pause, resume, and new signing secrets.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Behaviour, Database, Receiver, TestHub, on_both};

on_both! {
    async fn pause_and_resume_are_recorded_once(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let paused = hub.act_on(&id, "pause").await.expect(200);
        assert_eq!(paused["paused_at"], json!(hub.now()));
        hub.advance(10);
        assert_eq!(hub.act_on(&id, "pause").await.expect(200)["paused_at"], paused["paused_at"]);
        assert_eq!(hub.patch_endpoint(&id, &json!({"name": "other"})).await.expect(200)["paused_at"], paused["paused_at"]);
        let manifest = json!({"endpoints": [{"name": "other", "channel": "custom", "url": "https://hooks.example.com/y"}]});
        hub.post("/v1/apply", &manifest).await.expect(200);
        assert_eq!(hub.get(&format!("/v1/endpoints/{id}")).await.expect(200)["paused_at"], paused["paused_at"]);
        hub.ask("orders", "x").await;
        let page = hub.get(&format!("/v1/endpoints/{id}/deliveries")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "deliveries are created as usual");
        assert_eq!(hub.act_on(&id, "resume").await.expect(200)["paused_at"], Value::Null);
        hub.act_on(&id, "resume").await.expect(200);
        assert_eq!(hub.audited("endpoint.p").await, ["endpoint.paused"]);
        assert_eq!(hub.audited("endpoint.r").await, ["endpoint.resumed"]);
    }

    async fn a_disabled_endpoint_can_also_be_paused_once(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        receiver.script([Behaviour::Status(410)]);
        let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &[]).await;
        hub.ask("orders", "x").await;
        hub.delivery(&id, "request.created", "failed").await;
        hub.act_on(&id, "resume").await.expect(200);
        let paused = hub.act_on(&id, "pause").await.expect(200);
        assert_eq!((&paused["state"], &paused["paused_at"]), (&json!("disabled"), &json!(hub.now())));
        hub.advance(10);
        assert_eq!(hub.act_on(&id, "pause").await.expect(200), paused);
        assert_eq!(hub.audited("endpoint.").await, ["endpoint.created", "endpoint.disabled", "endpoint.paused"]);
        let on = hub.patch_endpoint(&id, &json!({"state": "active"})).await.expect(200);
        assert_eq!((&on["state"], &on["paused_at"]), (&json!("active"), &paused["paused_at"]), "enabled again, and still paused");
    }

    async fn no_name_looks_like_an_id(database: Database) {
        let hub = TestHub::start(database).await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        for name in ["ep_00000000000000000000000000000000", id.as_str()] {
            let endpoint = json!({"name": name, "channel": "custom", "url": "https://hooks.example.com/y"});
            let made = hub.post("/v1/endpoints", &endpoint).await;
            let applied = hub.post("/v1/apply", &json!({"endpoints": [endpoint]})).await;
            let renamed = hub.patch_endpoint(&id, &json!({"name": name})).await;
            for refused in [made, applied, renamed] {
                assert_eq!(refused.problem(422), "invalid_name", "{name}");
                assert!(refused.json()["pointer"].as_str().unwrap().ends_with("/name"), "{}", refused.text);
            }
        }
        for name in ["ep_0", "EP_00000000000000000000000000000000", "ep_0000000000000000000000000000000g"] {
            hub.patch_endpoint(&id, &json!({"name": name})).await.expect(200);
        }
    }

    async fn deliveries_of_a_paused_endpoint_wait_and_are_sent_after_resume(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &[]).await;
        hub.act_on(&id, "pause").await.expect(200);
        hub.ask("orders", "x").await;
        hub.advance(60);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let waiting = hub.delivery(&id, "request.created", "pending").await;
        assert_eq!((&waiting["attempts"], receiver.received().len()), (&json!(0), 0));
        hub.act_on(&id, "resume").await.expect(200);
        hub.delivery(&id, "request.created", "delivered").await;
        assert_eq!(receiver.received().len(), 1);
    }

    async fn only_an_admin_may_pause_and_only_existing_endpoints(database: Database) {
        let mut hub = TestHub::start(database).await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let (teams, _) = hub.endpoint("chat", "teams", "https://hooks.example.com/y", &[]).await;
        assert_eq!(hub.act_on(&teams, "rotate-secret").await.problem(422), "invalid_secret");
        let admin = hub.token.clone();
        hub.token = hub.token_of("auditor").await;
        for action in ["pause", "resume", "rotate-secret"] {
            assert_eq!(hub.act_on(&id, action).await.problem(403), "forbidden");
        }
        hub.token = admin;
        let gone = hub.call(Method::DELETE, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token);
        assert_eq!(hub.send(gone).await.status, 204);
        for action in ["pause", "resume", "rotate-secret"] {
            assert_eq!(hub.act_on(&id, action).await.problem(404), "not_found");
        }
    }

    async fn a_new_secret_is_shown_once_and_the_old_one_is_retired(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (id, first) = hub.endpoint("ops", "custom", &receiver.url, &[]).await;
        let path = format!("/v1/endpoints/{id}/rotate-secret");
        let rotated = hub.post(&path, &json!({"overlap_seconds": 60})).await.expect(200);
        let second = rotated["secret"].as_str().unwrap();
        assert!(second.starts_with("whsec_") && second != first);
        let until = hub.now() + std::time::Duration::from_secs(60);
        assert_eq!(rotated["retiring"], json!([{"until": until}]));
        assert!(hub.get(&format!("/v1/endpoints/{id}")).await.expect(200).get("secret").is_none());
        hub.ask("orders", "x").await;
        let message = &receiver.wait_for(1).await[0];
        let webhook = standardwebhooks::Webhook::new(second).unwrap();
        let at = message.header("webhook-timestamp").parse().unwrap();
        let signature = webhook.sign(message.header("webhook-id"), at, message.body.as_bytes()).unwrap();
        assert!(message.header("webhook-signature").contains(&signature), "the new secret signs at once");

        let given = format!("whsec_{}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let third = hub.post(&path, &json!({"secret": given})).await.expect(200);
        assert_eq!((third["secret"].as_str(), third["retiring"].as_array().unwrap().len()), (Some(given.as_str()), 2));
        for (wrong, code) in [
            (json!({"secret": given}), "invalid_secret"),
            (json!({"secret": "plain"}), "invalid_secret"),
            (json!({"overlap_seconds": 2_592_001}), "invalid_timeout"),
        ] {
            assert_eq!(hub.post(&path, &wrong).await.problem(422), code, "{wrong}");
        }
        hub.advance(61);
        let shown = hub.patch_endpoint(&id, &json!({"name": "ops2"})).await.expect(200);
        assert_eq!(shown["retiring"].as_array().unwrap().len(), 1, "a retired secret is removed");
        for count in 2..=4 {
            let rotated = hub.post(&path, &json!({})).await.expect(200);
            assert_eq!(rotated["retiring"].as_array().unwrap().len(), count);
        }
        assert_eq!(hub.post(&path, &json!({})).await.problem(409), "too_many_secrets");
        assert_eq!(hub.post(&path, &json!({"overlap_seconds": 0})).await.expect(200)["retiring"], json!([]));
        assert!(!hub.get("/v1/audit").await.text.contains("whsec_"));
        assert_eq!(hub.audited("endpoint.secret").await.len(), 6);
    }

    async fn a_repeated_rotation_rotates_once(database: Database) {
        let hub = TestHub::start(database).await;
        let (id, _) = hub.endpoint("ops", "custom", "https://hooks.example.com/x", &[]).await;
        let rotate = async |body: &Value| {
            let call = hub.call(Method::POST, &format!("/v1/endpoints/{id}/rotate-secret")).bearer_auth(&hub.token);
            hub.send(call.header("Idempotency-Key", "k").json(body)).await
        };
        let one = rotate(&json!({})).await.expect(200);
        assert_eq!(rotate(&json!({})).await.expect(200), one);
        assert_eq!(rotate(&json!({"overlap_seconds": 1})).await.problem(409), "idempotency_key_reused");
        assert_eq!(hub.audited("endpoint.secret").await.len(), 1);
    }
}
