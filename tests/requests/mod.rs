//! Requests and decisions through the API: waiting, expiry, idempotency, tokens.

mod bad_input;
mod configuration;
mod outage;
mod readiness;
mod unreadable;

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::{Database, TestHub, on_both};

on_both! {
    async fn a_request_is_created_approved_and_delivered(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "delete from carts").await;
        assert_eq!(request["status"], "pending");
        assert_eq!(request["slots"][0], json!({"group": "dba", "needed": 1, "approved": 0, "eligible": 2, "also": []}));
        hub.advance(5);
        let decided = hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        assert_eq!(decided["status"], "approved");
        assert_eq!(decided["decision"], json!({
            "outcome": "approved", "method": "votes", "reason": null, "by": ["dana@example.com"], "rule": null, "group": null,
        }));
        assert_eq!(decided["votes"][0]["assurance"], "delegated");
        assert_eq!(decided["decided_at"], "2026-11-21T12:00:05.000000Z");
        assert_eq!(hub.show(&request).await, decided);
    }

    async fn all_groups_must_approve_with_distinct_people(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("customers", "select 1").await;
        // Dana is in both groups and fills one seat.
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.expect(200)["status"], "pending");
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.expect(200)["votes"].as_array().unwrap().len(), 1);
        let decided = hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        assert_eq!(decided["status"], "approved");
        assert_eq!(decided["slots"][0]["approved"], 1);
        assert_eq!(decided["slots"][1]["approved"], 1);
    }

    async fn one_rejection_ends_a_request_permanently(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("customers", "select 1").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        assert_eq!(hub.vote(&request, "reject", "sam@example.com").await.problem(422), "reason_required");
        let path = format!("/v1/requests/{}/reject", request["id"].as_str().unwrap());
        let reject = json!({"on_behalf_of": "sam@example.com", "reason": "not on a Friday", "group": "security"});
        let decided = hub.post(&path, &reject).await.expect(200);
        assert_eq!((decided["status"].as_str(), decided["decision"]["reason"].as_str()), (Some("rejected"), Some("not on a Friday")));
        hub.post(&path, &reject).await.expect(200);
        let again = hub.vote(&request, "approve", "erik@example.com").await;
        assert_eq!(again.problem(409), "already_decided");
        assert_eq!((again.json()["outcome"].as_str(), again.json()["request"]["status"].as_str()), (Some("rejected"), Some("rejected")));
    }

    async fn no_one_decides_their_own_request_or_without_membership(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let ask = json!({"resource": "orders", "command": "x", "requester": {"email": "DANA@example.com"}});
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "conflict_of_interest");
        assert_eq!(hub.vote(&request, "approve", "sam@example.com").await.problem(403), "not_eligible");
        assert_eq!(hub.show(&request).await["status"], "pending");
        hub.vote(&request, "approve", "erik@example.com").await.expect(200);
    }

    async fn expires_by_the_timer_at_the_deadline(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        hub.advance(3_599);
        assert_eq!(hub.show(&request).await["status"], "pending");
        let waiting = hub.call(Method::GET, &format!("/v1/requests/{}?wait=60", request["id"].as_str().unwrap()));
        let waiting = tokio::spawn(waiting.bearer_auth(&hub.token).send());
        hub.advance(1);
        let answer: serde_json::Value = waiting.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!((answer["status"].as_str(), answer["decision"]["method"].as_str()), (Some("expired"), Some("timeout")));
        let late = hub.vote(&request, "approve", "dana@example.com").await;
        assert_eq!(late.problem(410), "expired");
    }

    async fn a_late_vote_finds_it_expired_without_the_timer(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let ask = json!({"resource": "orders", "command": "x", "timeout_seconds": 10, "requester": {"email": "n@example.com"}});
        let request = hub.post("/v1/requests", &ask).await.expect(201);
        hub.advance(10);
        let late = hub.vote(&request, "approve", "dana@example.com").await;
        assert_eq!(late.problem(410), "expired");
        assert_eq!(late.json()["outcome"], "expired");
        assert_eq!(hub.show(&request).await["status"], "expired");
    }

    async fn waiting_ends_with_the_decision(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        let path = format!("/v1/requests/{}?wait=60", request["id"].as_str().unwrap());
        let waiting = tokio::spawn(hub.call(Method::GET, &path).bearer_auth(&hub.token).send());
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished());
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        // The clock stands still, so only the decision itself can have ended the wait.
        let answer: serde_json::Value = waiting.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "approved");
    }

    async fn a_wait_without_a_decision_is_no_error(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        let path = format!("/v1/requests/{}?wait=7", request["id"].as_str().unwrap());
        let waiting = tokio::spawn(hub.call(Method::GET, &path).bearer_auth(&hub.token).send());
        while !waiting.is_finished() {
            hub.advance(1);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answer: serde_json::Value = waiting.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "pending");
    }

    async fn no_call_waits_longer_than_five_minutes(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        let path = format!("/v1/requests/{}?wait=3000", request["id"].as_str().unwrap());
        let waiting = tokio::spawn(hub.call(Method::GET, &path).bearer_auth(&hub.token).send());
        let mut passed = 0;
        while !waiting.is_finished() {
            hub.advance(10);
            passed += 10;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer: serde_json::Value = waiting.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "pending");
        // The wait began after some of the steps, so more than 300 may have passed.
        assert!((300..1_500).contains(&passed), "{passed} s");
    }

    async fn the_same_idempotency_key_creates_one_request(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let body = json!({"resource": "orders", "command": "x", "requester": {"email": "n@example.com"}, "context": {"a": 1, "b": 2}});
        let ask = |key: &str, body: &serde_json::Value| {
            hub.send(hub.call(Method::POST, "/v1/requests").bearer_auth(&hub.token).header("Idempotency-Key", key).json(body))
        };
        let (one, two) = tokio::join!(ask("k1", &body), ask("k1", &body));
        assert_eq!(one.expect(201)["id"], two.expect(201)["id"]);
        let replayed = ask("k1", &body).await;
        assert_eq!(replayed.expect(201)["id"], one.json()["id"]);
        assert_eq!(replayed.headers["idempotent-replayed"], "true");
        let mut other = body.clone();
        other["command"] = json!("y");
        assert_eq!(ask("k1", &other).await.problem(409), "idempotency_key_reused");
        assert_ne!(ask("k2", &body).await.expect(201)["id"], one.json()["id"]);
        assert_eq!(ask("no spaces allowed", &body).await.problem(422), "invalid_idempotency_key");
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"].as_array().unwrap().len(), 2);
    }

    async fn the_requester_cancels_their_request(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        let path = format!("/v1/requests/{}/cancel", request["id"].as_str().unwrap());
        let cancelled = hub.post(&path, &json!({"reason": "typo"})).await.expect(200);
        assert_eq!((cancelled["status"].as_str(), cancelled["decision"]["reason"].as_str()), (Some("cancelled"), Some("typo")));
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(409), "already_decided");
    }

    async fn tokens_are_limited_to_their_scope(database: Database) {
        let mut hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        let id = request["id"].as_str().unwrap().to_owned();
        let make = |input: serde_json::Value| {
            let hub = &hub;
            async move { hub.post("/v1/tokens", &input).await.expect(201)["secret"].as_str().unwrap().to_owned() }
        };
        let dana = make(json!({"name": "dana", "scope": "approver", "person": "dana@example.com"})).await;
        let nora = make(json!({"name": "nora", "scope": "requester", "person": "nora@example.com"})).await;
        let pipeline = make(json!({"name": "ci", "scope": "requester"})).await;
        let analyst = make(json!({"name": "boss", "scope": "analyst", "expires_at": "2026-11-21T13:00:00Z"})).await;
        assert_eq!(hub.post("/v1/tokens", &json!({"name": "x", "scope": "approver"})).await.problem(422), "person_required");
        let tokens = hub.get("/v1/tokens").await.expect(200);
        assert!(!tokens.to_string().contains("secret"));
        let revoked = tokens["items"][2]["id"].as_str().unwrap().to_owned();
        let admin = hub.token.clone();

        hub.token = pipeline;
        assert_eq!(hub.get(&format!("/v1/requests/{id}")).await.problem(404), "not_found", "another's request");
        let own = hub.ask("orders", "y").await;
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"].as_array().unwrap().len(), 1);
        assert_eq!(hub.vote(&own, "approve", "dana@example.com").await.problem(403), "forbidden");
        assert_eq!(hub.put("/v1/groups/x", &json!({"members": []})).await.problem(403), "forbidden");
        assert_eq!(hub.get("/v1/analytics/summary").await.problem(403), "forbidden");
        hub.token = nora;
        assert_eq!(hub.get(&format!("/v1/requests/{id}")).await.expect(200)["id"], id.as_str());
        let as_other = json!({"resource": "orders", "command": "x", "requester": {"email": "m@example.com"}});
        assert_eq!(hub.post("/v1/requests", &as_other).await.problem(403), "forbidden");
        let asked = hub.post("/v1/requests", &json!({"resource": "orders", "command": "x"})).await.expect(201);
        assert_eq!(asked["requester"]["email"], "nora@example.com");
        hub.token = dana;
        assert_eq!(hub.get(&format!("/v1/requests/{id}")).await.expect(200)["id"], id.as_str());
        assert_eq!(hub.vote(&request, "approve", "erik@example.com").await.problem(403), "not_eligible");
        let voted = hub.post(&format!("/v1/requests/{id}/approve"), &json!({})).await.expect(200);
        assert_eq!(voted["votes"][0]["assurance"], "token");
        hub.token = analyst.clone();
        hub.get("/v1/analytics/summary").await.expect(200);
        hub.advance(3_600);
        assert_eq!(hub.get("/v1/analytics/summary").await.problem(401), "unauthenticated");
        hub.token = admin;
        let gone = hub.send(hub.call(Method::DELETE, &format!("/v1/tokens/{revoked}")).bearer_auth(&hub.token)).await;
        assert_eq!(gone.status, 204);
    }

    async fn a_refusal_shows_a_stranger_nothing_of_the_request(database: Database) {
        let mut hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "the secret command").await;
        let path = format!("/v1/requests/{}", request["id"].as_str().unwrap());
        let stranger = json!({"name": "x", "scope": "approver", "person": "stranger@example.com"});
        let stranger = hub.post("/v1/tokens", &stranger).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let admin = std::mem::replace(&mut hub.token, stranger.clone());
        assert_eq!(hub.get(&path).await.problem(404), "not_found");
        let refused = hub.post(&format!("{path}/approve"), &json!({})).await;
        assert_eq!(refused.problem(404), "not_found", "not even that it exists");
        for wrong in [json!({"command": " "}), json!({"reason": "x".repeat(5_000)}), json!({"revision": 9})] {
            assert_eq!(hub.post(&format!("{path}/approve"), &wrong).await.problem(404), "not_found", "{wrong}");
        }
        assert!(!refused.text.contains("secret command"));
        hub.token = admin;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        hub.token = stranger;
        let refused = hub.post(&format!("{path}/reject"), &json!({})).await;
        assert_eq!((refused.problem(404).as_str(), refused.json().get("outcome")), ("not_found", None), "nor how it ended");
    }

    async fn a_vote_of_a_former_member_is_no_longer_shown_as_an_approval(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba", "needed": 2}]})).await.expect(200);
        let request = hub.ask("orders", "x").await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.expect(200)["slots"][0]["approved"], 1);
        hub.put("/v1/groups/dba", &json!({"members": ["erik@example.com", "ida@example.com"]})).await.expect(200);
        assert_eq!(hub.show(&request).await["slots"][0]["approved"], 0);
        let second = hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        assert_eq!((second["status"].as_str(), second["slots"][0]["approved"].as_u64()), (Some("pending"), Some(1)));
        let third = hub.vote(&request, "approve", "ida@example.com").await.expect(200);
        assert_eq!(third["status"], "approved");
    }

    async fn the_trail_records_who_did_what(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let request = hub.ask("orders", "x").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let trail = hub.get(&format!("/v1/requests/{}/audit", request["id"].as_str().unwrap())).await.expect(200);
        let actions: Vec<&str> = trail["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["request.created", "request.voted", "request.approved"]);
        assert_eq!(trail["items"][1]["person"], "dana@example.com");
        let store = hub.server.store();
        let session = &mut store.read().await.unwrap();
        assert_eq!(countersign::store::audit::first_break(session).await.unwrap(), None);
        let page = hub.get("/v1/audit?limit=2").await.expect(200);
        let next = page["next_cursor"].as_str().unwrap();
        let rest = hub.get(&format!("/v1/audit?cursor={next}")).await.expect(200);
        assert_eq!(rest["items"][0]["seq"], 3);
    }

    async fn a_restarted_hub_has_all_requests(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let waiting = hub.ask("orders", "x").await;
        let token = hub.token.clone();
        let hub = hub.restart().await;
        assert_eq!(hub.token, token);
        let shown = hub.show(&waiting).await;
        assert_eq!((&shown["status"], &shown["digest"]), (&waiting["status"], &waiting["digest"]));
        hub.vote(&waiting, "approve", "dana@example.com").await.expect(200);
    }
}

/// Two replicas on one database. Their clocks stand still, so only the other's notification can end the wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_on_one_replica_ends_the_wait_on_another() {
    let database = Database::postgres().await;
    let twin = Database { url: database.url.clone(), folder: tempfile::tempdir().unwrap() };
    let (one, two) = (TestHub::start(database).await.with_policy().await, TestHub::start(twin).await);
    let request = one.ask("orders", "x").await;
    let path = format!("/v1/requests/{}?wait=60", request["id"].as_str().unwrap());
    let waiting = tokio::spawn(one.call(Method::GET, &path).bearer_auth(&one.token).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    two.vote(&request, "approve", "dana@example.com").await.expect(200);
    let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("woken").unwrap().unwrap();
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["status"], "approved");
}
