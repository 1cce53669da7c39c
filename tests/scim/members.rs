//! `PUT /v1/groups/{name}/members`, for scripts that copy a directory.

use reqwest::Method;
use serde_json::json;

use super::Directory;
use crate::support::{Database, TestHub, eventually, on_both};

on_both! {
    async fn the_members_alone_are_replaced_and_requests_checked_again(database: Database) {
        let directory = Directory::on(TestHub::start(database).await.with_policy().await).await;
        let hub = &directory.hub;
        let put = |members: serde_json::Value| {
            let call = hub.call(Method::PUT, "/v1/groups/dba/members").bearer_auth(&directory.secret);
            hub.send(call.json(&json!({"members": members})))
        };
        let two = json!({"slots": [{"group": "dba", "needed": 2}]});
        hub.put("/v1/resources/orders", &two).await.expect(200);
        let request = hub.ask("orders", "x").await;
        hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        let group = put(json!(["fay@example.com", "Dana@example.com"])).await.expect(200);
        assert_eq!(group, json!({"name": "dba", "members": ["dana@example.com", "fay@example.com"]}));
        eventually("erik's vote is voided", async || {
            let shown = hub.show(&request).await;
            (shown["votes"][0]["voided"] == true).then_some(())
        })
        .await;
        put(json!(["dana@example.com", "fay@example.com"])).await.expect(200);
        let trail = directory.trail("group.members").await;
        assert_eq!(trail.len(), 1, "the same members again are no change");
        assert_eq!(trail[0]["actor"]["name"], "entra");
        assert_eq!(trail[0]["details"], json!({"group": "dba", "members": ["dana@example.com", "fay@example.com"]}));
        hub.vote(&request, "approve", "fay@example.com").await.expect(200);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        assert_eq!(hub.show(&request).await["status"], "approved");
    }

    async fn what_is_wrong_changes_nothing(database: Database) {
        let directory = Directory::on(TestHub::start(database).await.with_policy().await).await;
        let hub = &directory.hub;
        let put = |secret: &str, path: &str, body: serde_json::Value| {
            hub.send(hub.call(Method::PUT, path).bearer_auth(secret).json(&body))
        };
        let secret = directory.secret.as_str();
        let members = json!({"members": ["dana@example.com"]});
        assert_eq!(put(secret, "/v1/groups/nobodys/members", members.clone()).await.problem(404), "not_found");
        assert_eq!(put(secret, "/v1/groups/dba/members", json!({"members": ["dana"]})).await.problem(400), "invalid_json");
        assert_eq!(put(secret, "/v1/groups/dba/members", json!({"members": [], "name": "x"})).await.problem(400), "invalid_json");
        let many: Vec<_> = (0..2_001).map(|number| format!("p{number}@example.com")).collect();
        assert_eq!(put(secret, "/v1/groups/dba/members", json!({"members": many})).await.problem(422), "too_many");
        assert_eq!(put(secret, "/v1/groups/dba", members.clone()).await.problem(403), "forbidden");
        let auditor = hub.post("/v1/tokens", &json!({"name": "a", "scope": "auditor"})).await.expect(201);
        let auditor = auditor["secret"].as_str().unwrap();
        assert_eq!(put(auditor, "/v1/groups/dba/members", members).await.problem(403), "forbidden");
        assert_eq!(directory.members("dba").await, json!(["dana@example.com", "erik@example.com"]));
        // A directory's token is for nothing else.
        for path in ["/v1/requests", "/v1/groups", "/v1/tokens", "/v1/audit"] {
            assert_eq!(hub.send(hub.call(Method::GET, path).bearer_auth(secret)).await.problem(403), "forbidden", "{path}");
        }
    }
}
