//! Tokens: how long they are valid, what they are limited to, how they are replaced.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Database, TestHub, eventually, on_both};

const DAY: u64 = 86_400;

fn pipeline() -> Value {
    json!({"name": "pipeline", "scope": "requester"})
}

on_both! {
    async fn a_token_expires_after_90_days_unless_it_says_otherwise(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let made = hub.post("/v1/tokens", &pipeline()).await.expect(201);
        assert_eq!(made["expires_at"], "2027-02-19T12:00:00.000000Z");
        let secret = made["secret"].as_str().unwrap();
        let (_, lasting) = hub.new_token(&json!({"name": "old", "scope": "requester", "expires_at": null})).await;
        let answer = hub.get_with(secret, "/v1/requests").await;
        answer.expect(200);
        assert_eq!(answer.headers["countersign-token-expires"], "2027-02-19T12:00:00.000000Z");
        assert!(!hub.get_with(&lasting, "/v1/requests").await.headers.contains_key("countersign-token-expires"));
        hub.advance(90 * DAY);
        let answer = hub.get_with(secret, "/v1/requests").await;
        assert_eq!(answer.problem(401), "unauthenticated");
        assert!(answer.text.contains("expired at 2027-02-19T12:00:00.000000Z"), "{}", answer.text);
        hub.get_with(&lasting, "/v1/requests").await.expect(200);
    }

    async fn a_mistyped_token_is_named_so(database: Database) {
        let hub = TestHub::start(database).await;
        let (_, secret) = hub.new_token(&pipeline()).await;
        let mut wrong = secret.clone();
        let last = wrong.pop().unwrap();
        wrong.push(if last == 'a' { 'b' } else { 'a' });
        let answer = hub.get_with(&wrong, "/v1/requests").await;
        assert_eq!(answer.problem(401), "unauthenticated");
        assert!(answer.text.contains("mistyped"), "{}", answer.text);
        let answer = hub.get_with(&secret[..secret.len() - 1], "/v1/requests").await;
        assert!(answer.problem(401) == "unauthenticated" && answer.text.contains("unknown"), "{}", answer.text);
    }

    async fn the_last_use_is_on_record_to_the_hour(database: Database) {
        let hub = TestHub::start(database).await;
        let (id, secret) = hub.new_token(&pipeline()).await;
        let last_use = async || {
            let page = hub.get("/v1/tokens").await.expect(200);
            page["items"].as_array().unwrap().iter().find(|token| token["id"] == id).unwrap()["last_used_at"].clone()
        };
        assert_eq!(last_use().await, Value::Null);
        hub.advance(1_000);
        hub.get_with(&secret, "/v1/requests").await.expect(200);
        hub.advance(60);
        eventually("the use is written", async || {
            hub.advance(31);
            (last_use().await == "2026-11-21T12:00:00.000000Z").then_some(())
        })
        .await;
        // What is noted when the hub stops is written too.
        hub.advance(2 * 3_600);
        let at = hub.now().to_string();
        hub.get_with(&secret, "/v1/requests").await.expect(200);
        let hub = hub.restart().await;
        let page = hub.get("/v1/tokens").await.expect(200);
        let token = page["items"].as_array().unwrap().iter().find(|token| token["id"] == id).unwrap();
        assert_eq!(token["last_used_at"], format!("{}:00:00.000000Z", &at[..13]));
    }

    async fn a_token_for_some_resources_knows_no_others(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let orders = json!({"name": "orders", "scope": "decider", "resources": ["orders"]});
        let (_, decider) = hub.new_token(&orders).await;
        let (_, asker) = hub.new_token(&json!({"name": "ci", "scope": "requester", "resources": ["orders"]})).await;
        let customers = json!({"resource": "customers", "command": "x"});
        assert_eq!(hub.post_with(&asker, "/v1/requests", &customers).await.problem(403), "forbidden");
        assert_eq!(hub.post_with(&asker, "/v1/evaluate", &customers).await.problem(403), "forbidden");
        hub.post_with(&asker, "/v1/requests", &json!({"resource": "orders", "command": "x"})).await.expect(201);

        let other = hub.ask("customers", "x").await;
        let path = format!("/v1/requests/{}", other["id"].as_str().unwrap());
        assert_eq!(hub.get_with(&decider, &path).await.problem(404), "not_found");
        for verb in ["approve", "reject", "revoke"] {
            let body = if verb == "revoke" { json!({}) } else { json!({"on_behalf_of": "dana@example.com", "reason": "r"}) };
            assert_eq!(hub.post_with(&decider, &format!("{path}/{verb}"), &body).await.problem(404), "not_found", "{verb}");
        }
        let approve = json!({"requests": [{"id": other["id"], "digest": other["digest"]}], "on_behalf_of": "dana@example.com"});
        let bulk = hub.post_with(&decider, "/v1/requests/bulk-approve", &approve).await.expect(200);
        assert_eq!(bulk["items"][0]["problem"]["code"], "not_found", "{bulk}");
        let reject = json!({"filter": {}, "reason": "r", "on_behalf_of": "sam@example.com"});
        let bulk = hub.post_with(&decider, "/v1/requests/bulk-reject", &reject).await.expect(200);
        assert_eq!(bulk["items"], json!([]), "{bulk}");
        assert_eq!(hub.show(&other).await["votes"], json!([]));

        for list in ["/v1/requests", "/v1/grants"] {
            assert_eq!(hub.get_with(&decider, list).await.problem(403), "forbidden");
            assert_eq!(hub.get_with(&decider, &format!("{list}?resource=customers")).await.problem(403), "forbidden");
            hub.get_with(&decider, &format!("{list}?resource=orders")).await.expect(200);
        }
        let access = "/v1/access?requester=nora@example.com&resource=";
        assert_eq!(hub.get_with(&decider, &format!("{access}customers")).await.problem(403), "forbidden");
        hub.get_with(&decider, &format!("{access}orders")).await.expect(200);
        let limited = json!({"name": "x", "scope": "auditor", "resources": ["orders"]});
        assert_eq!(hub.post("/v1/tokens", &limited).await.problem(422), "invalid_token");
    }

    async fn an_agent_names_whom_it_acts_for_and_never_goes_ahead(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let policy = json!({"slots": [{"group": "dba"}], "break_glass": {"groups": ["dba"]}});
        hub.put("/v1/resources/orders", &policy).await.expect(200);
        let agent = json!({"name": "agent", "scope": "requester", "agent": true, "person": "dana@example.com"});
        let (_, secret) = hub.new_token(&agent).await;
        let answer = hub.post_with(&secret, "/v1/requests", &json!({"resource": "orders", "command": "x"})).await;
        assert_eq!((answer.problem(422).as_str(), answer.json()["pointer"].as_str()), ("acting_for_required", Some("/requester/acting_for")));
        let ask = json!({"resource": "orders", "command": "x", "requester": {"name": "bot", "acting_for": "dana@example.com"}});
        let made = hub.post_with(&secret, "/v1/requests", &ask).await.expect(201);
        let path = format!("/v1/requests/{}", made["id"].as_str().unwrap());
        let broken = hub.post_with(&secret, &format!("{path}/break-glass"), &json!({"reason": "now"})).await;
        assert_eq!(broken.problem(403), "forbidden");
        assert_eq!(hub.post_with(&secret, &format!("{path}/approve"), &json!({})).await.problem(403), "forbidden");
        let voting = json!({"name": "x", "scope": "approver", "agent": true, "person": "dana@example.com"});
        assert_eq!(hub.post("/v1/tokens", &voting).await.problem(422), "invalid_token");
    }

    async fn a_directorys_token_belongs_to_no_person(database: Database) {
        let hub = TestHub::start(database).await;
        let scim = json!({"name": "entra", "scope": "scim", "person": "dana@example.com"});
        let refused = hub.post("/v1/tokens", &scim).await;
        assert_eq!((refused.problem(422).as_str(), refused.json()["pointer"].as_str()), ("invalid_token", Some("/person")));
        assert_eq!(hub.get("/v1/tokens").await.expect(200)["items"], json!([]));
    }

    async fn a_limited_token_of_a_person_goes_ahead_only_on_its_resources(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let policy = json!({"slots": [{"group": "security"}], "break_glass": {"groups": ["dba"]}});
        for resource in ["orders", "customers"] {
            hub.put(&format!("/v1/resources/{resource}"), &policy).await.expect(200);
        }
        let token = json!({"name": "x", "scope": "requester", "person": "dana@example.com", "resources": ["orders"]});
        let (_, secret) = hub.new_token(&token).await;
        let (inside, outside) = (hub.ask("orders", "x").await, hub.ask("customers", "x").await);
        let path = |request: &Value| format!("/v1/requests/{}/break-glass", request["id"].as_str().unwrap());
        let reason = json!({"reason": "now"});
        assert_eq!(hub.post_with(&secret, &path(&outside), &reason).await.problem(404), "not_found");
        assert_eq!(hub.show(&outside).await["status"], "pending");
        hub.post_with(&secret, &path(&inside), &reason).await.expect(200);
    }

    async fn a_chat_account_is_linked_by_a_persons_unlimited_token_alone(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let code = json!({"code": "guess"});
        for (limit, status) in [
            (json!({"agent": true}), 403),
            (json!({"resources": ["orders"]}), 403),
            (json!({}), 404),
        ] {
            let mut token = json!({"name": "x", "scope": "requester", "person": "dana@example.com"});
            token.as_object_mut().unwrap().extend(limit.as_object().unwrap().clone());
            let (_, secret) = hub.new_token(&token).await;
            hub.post_with(&secret, "/v1/me/chat-identities", &code).await.problem(status);
        }
    }

    async fn a_rotated_token_is_the_same_with_two_secrets_for_a_while(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let (id, first) = hub.new_token(&pipeline()).await;
        let own = hub.post_with(&first, "/v1/requests", &json!({"resource": "orders", "command": "x"})).await.expect(201);
        let path = format!("/v1/requests/{}", own["id"].as_str().unwrap());
        hub.advance(DAY);
        let rotate = format!("/v1/tokens/{id}/rotate");
        let rotated = hub.post(&rotate, &json!({"overlap_seconds": 600})).await.expect(200);
        let second = rotated["secret"].as_str().unwrap().to_owned();
        assert_eq!(rotated["expires_at"], "2027-02-20T12:00:00.000000Z", "90 days from now");
        let answer = hub.get_with(&first, &path).await;
        answer.expect(200);
        assert_eq!(answer.headers["countersign-token-expires"], "2026-11-22T12:10:00.000000Z");
        hub.get_with(&second, &path).await.expect(200);
        hub.advance(600);
        assert_eq!(hub.get_with(&first, &path).await.problem(401), "unauthenticated");
        hub.get_with(&second, &path).await.expect(200);

        let third = hub.post(&rotate, &json!({"overlap_seconds": 0})).await.expect(200)["secret"].as_str().unwrap().to_owned();
        assert_eq!(hub.get_with(&second, &path).await.problem(401), "unauthenticated");
        for _ in 0..4 {
            hub.post(&rotate, &json!({})).await.expect(200);
        }
        assert_eq!(hub.post(&rotate, &json!({})).await.problem(409), "too_many_secrets");
        hub.get_with(&third, &path).await.expect(200);
        let gone = hub.send(hub.call(Method::DELETE, &format!("/v1/tokens/{id}")).bearer_auth(&hub.token)).await;
        assert_eq!(gone.status, 204);
        assert_eq!(hub.get_with(&third, &path).await.problem(401), "unauthenticated", "with its retired secrets");
        assert_eq!(hub.post(&rotate, &json!({})).await.problem(404), "not_found");
    }

    async fn a_repeated_creation_makes_no_second_token(database: Database) {
        let hub = TestHub::start(database).await;
        let keyed = |path: &str, body: Value| {
            hub.send(hub.call(Method::POST, path).bearer_auth(&hub.token).header("idempotency-key", "once").json(&body))
        };
        let made = keyed("/v1/tokens", pipeline()).await.expect(201);
        let again = keyed("/v1/tokens", pipeline()).await.expect(201);
        assert_eq!((&again["id"], &again["secret"]), (&made["id"], &Value::Null), "the hub has no secret to show");
        assert_eq!(keyed("/v1/tokens", json!({"name": "y", "scope": "analyst"})).await.problem(409), "idempotency_key_reused");
        assert_eq!(hub.get("/v1/tokens").await.expect(200)["items"].as_array().unwrap().len(), 1);
        let rotate = format!("/v1/tokens/{}/rotate", made["id"].as_str().unwrap());
        let rotated = keyed(&rotate, json!({})).await.expect(200);
        assert_eq!(keyed(&rotate, json!({})).await.expect(200)["secret"], Value::Null);
        hub.get_with(rotated["secret"].as_str().unwrap(), "/v1/requests").await.expect(200);
    }
}
