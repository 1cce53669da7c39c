//! Test messages: sent at once like real ones, and not stored.

use countersign::store::events::KINDS;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Behaviour, Database, Options, Receiver, TestHub, eventually, on_both};

on_both! {
    async fn a_test_message_is_sent_like_a_real_one(database: Database) {
        let mut hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (id, secret) = hub.endpoint("ops", "custom", &receiver.url, &["dba"]).await;
        let result = hub.act_on(&id, "test").await.expect(200);
        let message = &receiver.wait_for(1).await[0];
        assert_eq!((&result["delivered"], &result["class"], &result["error"]), (&json!(true), &json!("success"), &Value::Null));
        assert_eq!(result["answer"], json!({"status": 200, "headers": {"content-length": "2"}, "body": "ok"}));
        let request = &result["request"];
        assert_eq!((request["method"].as_str(), request["body"].as_str()), (Some("POST"), Some(message.body.as_str())));
        assert!(request["url"].as_str().unwrap().ends_with("/…"));
        assert_eq!(request["headers"], json!(message.headers), "all sent headers");
        let webhook = standardwebhooks::Webhook::new(&secret).unwrap();
        let at = message.header("webhook-timestamp").parse().unwrap();
        let signature = webhook.sign(message.header("webhook-id"), at, message.body.as_bytes()).unwrap();
        assert!(request["headers"]["webhook-signature"].as_str().unwrap().contains(&signature));
        let data = &message.json()["data"];
        assert_eq!((&data["request"]["command"], &data["request"]["resource"]), (&json!("-- test message from Countersign"), &json!("countersign-test")));
        // Its links are complete, but do not work.
        for link in ["review", "approve"] {
            assert_eq!(hub.get(data["links"][link].as_str().unwrap()).await.status, 404);
        }
        let decide = hub.post(data["links"]["approve"].as_str().unwrap(), &json!({"approver": "dana@example.com"})).await;
        assert_eq!(decide.problem(404), "link_forged");
        for list in ["deliveries", "attempts"] {
            assert_eq!(hub.get(&format!("/v1/endpoints/{id}/{list}")).await.expect(200)["items"], json!([]), "nothing is stored");
        }
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"], json!([]));
        assert_eq!(hub.audited("endpoint.tested").await.len(), 1);
        let unknown = hub.post(&format!("/v1/endpoints/{id}/test"), &json!({"event": "request.exploded"})).await;
        assert_eq!(unknown.problem(422), "unknown_event");
        hub.token = hub.token_of("auditor").await;
        assert_eq!(hub.act_on(&id, "test").await.problem(403), "forbidden");
    }

    async fn the_answers_headers_are_shown_without_secrets(database: Database) {
        let hub = TestHub::start(database).await;
        let receiver = Receiver::start().await;
        let endpoint = json!({
            "name": "ops", "channel": "custom", "url": format!("{}/T0/secret-path", receiver.url),
            "headers": {"X-Own": "own-secret", "accept": "text/plain", "user-agent": "me"}, "auth": {"type": "bearer", "token": "tok-secret"},
        });
        let id = hub.post("/v1/endpoints", &endpoint).await.expect(201)["id"].as_str().unwrap().to_owned();
        let long = "y z ".repeat(100);
        let headers = [
            "Server: peer", "Set-Cookie: sid=1", "set-cookie: sid=2", "Authorization: Bearer a", "X-Own: theirs", "X-Api-Key: k",
            "Via: a", "via: b", "X-Echo: own-secret, Bearer tok-secret and /hook/T0/secret-path", "Location: https://other.example/token/abc",
            "WWW-Authenticate: Digest realm=x", &format!("X-Long: {long}"), "content-length: 2",
        ];
        let many: String = (0..60).map(|n| format!("x-{n:02}: {n}\r\n")).collect();
        let raw = |headers: &str| Behaviour::Raw(format!("HTTP/1.1 401 No\r\n{headers}\r\nok"));
        receiver.script([raw(&format!("{}\r\n", headers.join("\r\n"))), raw(&format!("{many}content-length: 2\r\n"))]);
        let result = hub.act_on(&id, "test").await.expect(200);
        let expected = json!({
            "server": "peer", "set-cookie": "…, …", "authorization": "…", "x-own": "…", "x-api-key": "…", "via": "a, b",
            "x-echo": "[hidden], Bearer [hidden] and [hidden]", "location": "https://other.example/…",
            "www-authenticate": "Digest realm=x", "x-long": format!("{}…", &long[..256]), "content-length": "2",
        });
        assert_eq!(result["answer"]["headers"], expected);
        let message = receiver.wait_for(1).await.remove(0);
        let names = |headers: &Value| headers.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&result["request"]["headers"]), message.headers.keys().cloned().collect::<Vec<_>>());
        for own in ["x-own", "accept", "user-agent", "authorization"] {
            assert_eq!(result["request"]["headers"][own], "…", "{own}");
        }
        let result = hub.act_on(&id, "test").await.expect(200);
        assert_eq!(result["answer"]["headers"].as_object().unwrap().len(), 50);
    }

    async fn a_test_message_is_sent_in_any_state_of_the_endpoint(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &[]).await;
        hub.act_on(&id, "pause").await.expect(200);
        assert_eq!(hub.act_on(&id, "test").await.expect(200)["delivered"], true);
        hub.act_on(&id, "resume").await.expect(200);
        receiver.script([Behaviour::Status(410)]);
        hub.ask("orders", "x").await;
        hub.delivery(&id, "request.created", "failed").await;
        receiver.script([Behaviour::Status(410)]);
        let gone = hub.act_on(&id, "test").await.expect(200);
        assert_eq!((&gone["delivered"], &gone["class"], &gone["answer"]["status"]), (&json!(false), &json!("gone"), &json!(410)));
        assert_eq!(hub.act_on(&id, "test").await.expect(200)["delivered"], true);
        assert_eq!(hub.get(&format!("/v1/endpoints/{id}")).await.expect(200)["state"], "disabled", "a test changes nothing");
        hub.send(hub.call(Method::DELETE, &format!("/v1/endpoints/{id}")).bearer_auth(&hub.token)).await.expect(204);
        assert_eq!(hub.act_on(&id, "test").await.problem(404), "not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_has_a_sample_that_meets_its_schema() {
    // The output of an operator's template is validated, the output of a built-in one is not.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("custom")).unwrap();
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/notifications/custom/default.hbs");
    std::fs::copy(built_in, folder.path().join("custom/default.hbs")).unwrap();
    let options = Options { templates_dir: Some(folder.path().to_owned()), ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await;
    let receiver = Receiver::start().await;
    for (channel, groups) in [("custom", &["dba"][..]), ("teams", &["dba", "security"]), ("teams", &[])] {
        let (id, _) = hub.endpoint(&format!("{channel}{}", groups.len()), channel, &receiver.url, groups).await;
        for kind in KINDS {
            let result = hub.post(&format!("/v1/endpoints/{id}/test"), &json!({"event": kind})).await.expect(200);
            let verdict = (&result["delivered"], &result["template_problem"]);
            assert_eq!(verdict, (&json!(true), &Value::Null), "{channel} {kind}: {result}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_messages_are_limited_in_number_and_time() {
    let options = Options { delivery_timeout_sec: 2, ..Options::default() };
    let hub = TestHub::start_with(Database::sqlite(), options).await;
    let receiver = Receiver::start().await;
    receiver.script((0..4).map(|_| Behaviour::Never));
    let (id, _) = hub.endpoint("ops", "custom", &receiver.url, &[]).await;
    let silent = futures_util::future::join_all((0..4).map(|_| hub.act_on(&id, "test")));
    let busy = async {
        receiver.wait_for(4).await;
        eventually("one more is too many", || async {
            let answer = hub.act_on(&id, "test").await;
            (answer.status == 429).then(|| answer.problem(429))
        })
        .await
    };
    let (ended, code) = tokio::join!(silent, busy);
    assert_eq!(code, "busy");
    for result in ended {
        let result = result.expect(200);
        assert_eq!(
            (&result["delivered"], &result["class"], &result["answer"]),
            (&json!(false), &json!("transient"), &Value::Null)
        );
        assert_eq!(result["error"], "no complete answer within 2 s");
    }
    assert_eq!(hub.act_on(&id, "test").await.expect(200)["delivered"], true);
}
