//! Links are valid no longer than the right of the endpoint that received them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{open_link, post, url};
use crate::support::{Database, Receiver, TestHub, on_both};

/// A hub with one endpoint for `dba` and one for `security`, a request that both decide, and the links sent to each.
async fn with_two(database: Database) -> (TestHub, Receiver, [String; 2], [Value; 2], Value) {
    let hub = TestHub::start(database).await.with_policy().await;
    let receiver = Receiver::start().await;
    let (dba, _) = hub.endpoint("dba", "custom", &receiver.url, &["dba"]).await;
    let (security, _) = hub.endpoint("security", "custom", &receiver.url, &["security"]).await;
    let request = hub.ask("customers", "delete from carts").await;
    let mut links: Vec<Value> =
        receiver.wait_for(2).await.iter().map(|message| message.json()["data"]["links"].clone()).collect();
    links.sort_by_key(|links| links["slots"][0]["group"].to_string());
    let links = links.try_into().expect("two messages");
    (hub, receiver, [dba, security], links, request)
}

async fn patch(hub: &TestHub, endpoint: &str, change: &Value) {
    let call = hub.call(Method::PATCH, &format!("/v1/endpoints/{endpoint}")).bearer_auth(&hub.token).json(change);
    hub.send(call).await.expect(200);
}

/// Checks that neither opening nor deciding works, and that the page says why.
async fn is_dead(hub: &TestHub, links: &Value, why: &str) {
    let dana = json!({"approver": "dana@example.com"});
    for name in ["review", "approve", "reject"] {
        let page = open_link(hub, &url(links, name)).await;
        assert_eq!(page.status, 410, "{}", page.text);
        assert!(page.text.contains(why) && !page.text.contains("delete from carts"), "{}", page.text);
    }
    let refused = post(hub, &url(links, "approve"), &dana).await;
    assert_eq!(refused.problem(410), "link_called_back");
    assert!(refused.text.contains(why), "{}", refused.text);
}

on_both! {
    async fn links_of_a_deleted_endpoint_are_invalid_and_those_of_others_are_not(database: Database) {
        let (hub, _receiver, [dba, _], [of_dba, of_security], request) = with_two(database).await;
        let gone = hub.call(Method::DELETE, &format!("/v1/endpoints/{dba}")).bearer_auth(&hub.token);
        assert_eq!(hub.send(gone).await.status, 204);
        is_dead(&hub, &of_dba, "has been deleted").await;
        let sam = json!({"approver": "sam@example.com"});
        post(&hub, &url(&of_security, "approve"), &sam).await.expect(200);
        assert_eq!(hub.show(&request).await["slots"][0]["approved"], 0);
        // Nor do they show how it ended.
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        is_dead(&hub, &of_dba, "has been deleted").await;
    }

    async fn links_are_invalid_when_their_endpoint_no_longer_serves_the_group_or_resource(database: Database) {
        let (hub, _receiver, [dba, _], [of_dba, _], _) = with_two(database).await;
        patch(&hub, &dba, &json!({"groups": ["security"]})).await;
        is_dead(&hub, &of_dba, "no longer serves the group").await;
        patch(&hub, &dba, &json!({"groups": ["dba"], "resources": ["orders"]})).await;
        is_dead(&hub, &of_dba, "no longer serves the group").await;
        patch(&hub, &dba, &json!({"resources": ["orders", "customers"]})).await;
        assert_eq!(open_link(&hub, &url(&of_dba, "review")).await.status, 200);
    }

    async fn links_are_invalid_when_their_endpoint_gets_another_person_or_none(database: Database) {
        let (hub, receiver, [dba, security], [of_dba, _], _) = with_two(database).await;
        patch(&hub, &dba, &json!({"recipient": "erik@example.com"})).await;
        is_dead(&hub, &of_dba, "before its endpoint was given another recipient").await;
        patch(&hub, &security, &json!({"recipient": "sam@example.com"})).await;
        hub.ask("customers", "x").await;
        let messages = receiver.wait_for(4).await;
        let of_sam = messages[2..].iter().map(|message| message.json()["data"]["links"].clone())
            .find(|links| links["slots"][0]["group"] == "security").expect("a message");
        assert_eq!(open_link(&hub, &url(&of_sam, "review")).await.status, 200);
        for recipient in [json!("dana@example.com"), Value::Null] {
            patch(&hub, &security, &json!({"recipient": recipient})).await;
            let refused = post(&hub, &url(&of_sam, "approve"), &json!({"approver": "sam@example.com"})).await;
            assert_eq!(refused.problem(410), "link_called_back");
        }
    }

    async fn an_endpoints_links_are_revoked_once_and_later_ones_are_valid(database: Database) {
        let (hub, receiver, [dba, _], [of_dba, of_security], request) = with_two(database).await;
        let path = format!("/v1/endpoints/{dba}/rotate-links");
        let auditor = hub.token("auditor", None).await;
        assert_eq!(hub.post_as(&auditor, &path, &json!({})).await.problem(403), "forbidden");
        for _ in 0..2 {
            let call = hub.call(Method::POST, &path).bearer_auth(&hub.token).header("Idempotency-Key", "once");
            assert_eq!(hub.send(call).await.expect(200)["link_generation"], 1);
        }
        is_dead(&hub, &of_dba, "revoked by an operator").await;
        assert_eq!(open_link(&hub, &url(&of_security, "review")).await.status, 200);
        // A replayed delivery has valid links, and applying the manifest again revokes none of them.
        let sent = hub.delivery(&dba, "request.created", "delivered").await;
        let retry = format!("/v1/deliveries/{}/retry", sent["id"].as_str().expect("an id"));
        hub.post(&retry, &json!({})).await.expect(200);
        let again = receiver.wait_for(3).await[2].json()["data"]["links"].clone();
        let endpoint = json!({"name": "dba", "channel": "custom", "url": receiver.url, "groups": ["dba"]});
        hub.post("/v1/apply", &json!({"endpoints": [endpoint]})).await.expect(200);
        let dana = json!({"approver": "dana@example.com"});
        assert_eq!(post(&hub, &url(&again, "approve"), &dana).await.expect(200)["slots"][0]["approved"], 1);
        assert!(hub.show(&request).await["status"] == "pending");
        let trail = hub.get("/v1/audit?limit=500").await.expect(200);
        let called = trail["items"].as_array().expect("items").iter().filter(|entry| entry["action"] == "endpoint.links_rotated");
        assert_eq!(called.count(), 1);
    }
}
