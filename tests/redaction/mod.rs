//! Redaction: values that an endpoint or a resource hides from channels, and the places that still show them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Database, Receiver, TestHub, on_both};

const COMMAND: &str = "PGPASSWORD=hunter2 psql postgres://app:s3cret@db/orders -c 'delete from carts'";

async fn ask(hub: &TestHub, resource: &str) -> Value {
    let ask = json!({
        "resource": resource, "command": COMMAND, "language": "sh", "reason": "because token=abc123 is old",
        "context": {"argv": ["tool", "--password", "hunter2"], "ticket": "OPS-1"}, "labels": {"note": "pin 4111 1111 1111 1111"},
        "requester": {"email": "nora@example.com"},
    });
    hub.post("/v1/requests", &ask).await.expect(201)
}

/// The message about a request that the endpoint at this receiver got, as text and JSON.
async fn sent(receiver: &Receiver, request: &Value) -> (String, Value) {
    let id = request["id"].as_str().unwrap();
    receiver.wait_for(1).await;
    let body = receiver.find(|message| message.body.contains(id).then(|| message.body.clone())).unwrap();
    let json = serde_json::from_str(&body).unwrap();
    (body, json)
}

async fn with_endpoint(database: Database, channel: &str, detail: &str) -> (TestHub, Receiver, String) {
    let hub = TestHub::start(database).await.with_policy().await;
    let receiver = Receiver::start().await;
    let input = json!({"name": "dba", "channel": channel, "url": receiver.url, "groups": ["dba"], "detail": detail});
    let made = hub.post("/v1/endpoints", &input).await.expect(201);
    assert_eq!(made["detail"], detail);
    let id = made["id"].as_str().unwrap().to_owned();
    (hub, receiver, id)
}

on_both! {
    async fn an_endpoint_gets_no_secret_and_the_page_shows_everything(database: Database) {
        let (hub, receiver, id) = with_endpoint(database, "custom", "redacted").await;
        let request = ask(&hub, "orders").await;
        let (body, event) = sent(&receiver, &request).await;
        for secret in ["hunter2", "s3cret", "abc123", "4111"] {
            assert!(!body.contains(secret), "{secret} in {body}");
        }
        let sent_request = &event["data"]["request"];
        assert_eq!(sent_request["command"], "PGPASSWORD=[hidden] psql postgres://app:[hidden]@db/orders -c 'delete from carts'");
        assert_eq!(sent_request["context"], json!({"argv": ["tool", "--password", "[hidden]"], "ticket": "OPS-1"}));
        assert_eq!((&sent_request["digest"], &sent_request["id"]), (&request["digest"], &request["id"]), "it names what is decided on");
        assert_eq!(event["data"]["redaction"], json!({"detail": "redacted", "hidden": 5}));
        // The API shows everything, and so does the page, which lists what was hidden.
        assert_eq!(hub.show(&request).await["command"], COMMAND);
        let link = event["data"]["links"]["approve"].as_str().unwrap();
        let page = hub.send(hub.call(Method::GET, link)).await;
        assert!(page.text.contains("PGPASSWORD=hunter2") && page.text.contains("password in a URL (command)"), "{}", page.text);
        let vote = json!({"approver": "dana@example.com"});
        assert_eq!(hub.send(hub.call(Method::POST, link).json(&vote)).await.expect(200)["status"], "approved");
        // From the next event on, the endpoint gets everything.
        let path = format!("/v1/endpoints/{id}");
        let patched = hub.send(hub.call(Method::PATCH, &path).bearer_auth(&hub.token).json(&json!({"detail": "full"}))).await;
        assert_eq!(patched.expect(200)["detail"], "full");
    }

    async fn the_stricter_detail_of_resource_and_endpoint_applies(database: Database) {
        let (hub, receiver, _id) = with_endpoint(database, "custom", "redacted").await;
        let resource = json!({"slots": [{"group": "dba"}], "detail": "link_only"});
        assert_eq!(hub.put("/v1/resources/orders", &resource).await.expect(200)["detail"], "link_only");
        let request = ask(&hub, "orders").await;
        // A request keeps its terms.
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba"}]})).await.expect(200);
        let (body, event) = sent(&receiver, &request).await;
        let sent_request = &event["data"]["request"];
        assert_eq!(event["data"]["redaction"], json!({"detail": "link_only", "hidden": 0}));
        assert!(!body.contains("delete") && !body.contains("OPS-1") && !body.contains("old"), "{body}");
        assert_eq!((&sent_request["command"], &sent_request["context"], &sent_request["reason"], &sent_request["labels"]), (&json!(""), &json!(null), &json!(null), &json!({})));
        assert_eq!((&sent_request["resource"], &sent_request["requester"]["email"]), (&json!("orders"), &json!("nora@example.com")));
        hub.vote(&request, "reject", "dana@example.com").await.expect(200);
        let later = receiver.wait_for(2).await;
        assert!(later.iter().all(|message| message.json()["data"]["redaction"]["detail"] == "link_only"));
    }
}

#[tokio::test]
async fn a_card_counts_the_hidden_values() {
    for (detail, said, absent) in [
        ("redacted", "5 secrets hidden: the hub's page shows them", "hunter2"),
        ("link_only", "command, context and reasons are shown only on the hub's page", "delete"),
    ] {
        let (hub, receiver, _id) = with_endpoint(Database::sqlite(), "teams", detail).await;
        ask(&hub, "orders").await;
        let plain = receiver.wait_for(1).await[0].body.replace('\u{200b}', "");
        assert!(plain.contains(said) && !plain.contains(absent), "{plain}");
        assert!(
            plain.contains("orders") && plain.contains("nora@example.com") && plain.contains("\"Approve\""),
            "{plain}"
        );
    }
}

#[tokio::test]
async fn an_unknown_detail_is_refused_and_a_manifest_may_set_one() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    let input = json!({"name": "x", "channel": "custom", "url": "http://127.0.0.1:9/", "detail": "none"});
    assert_eq!(hub.post("/v1/endpoints", &input).await.problem(400), "invalid_json");
    let manifest = json!({
        "resources": {"orders": {"slots": [{"group": "dba"}], "detail": "redacted"}},
        "endpoints": [{"name": "x", "channel": "custom", "url": "http://127.0.0.1:9/", "detail": "link_only"}],
    });
    hub.post("/v1/apply", &manifest).await.expect(200);
    let again = hub.post("/v1/apply", &manifest).await.expect(200);
    assert!(again["changes"].as_array().unwrap().iter().all(|change| change["verb"] == "keep"), "{again}");
}
