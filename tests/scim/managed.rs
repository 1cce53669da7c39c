//! A group that a directory manages is changed there alone.

use reqwest::Method;
use serde_json::json;

use super::{Directory, refused};
use crate::support::{Database, TestHub, on_both};

on_both! {
    async fn other_members_are_a_conflict_and_the_same_ones_are_not(database: Database) {
        let directory = Directory::start(database).await;
        let hub = &directory.hub;
        let dana = directory.user("dana@example.com").await;
        directory.group("dba", &[&dana]).await;
        let same = json!({"members": ["dana@example.com"]});
        let view = json!({"name": "dba", "members": ["dana@example.com"], "managed_by": "scim"});
        assert_eq!(hub.get("/v1/groups/dba").await.expect(200), view);
        assert_eq!(hub.get("/v1/groups").await.expect(200)["items"], json!([view]));
        for path in ["/v1/groups/dba", "/v1/groups/dba/members"] {
            assert_eq!(hub.put(path, &same).await.expect(200), view);
            let other = hub.put(path, &json!({"members": ["dana@example.com", "erik@example.com"]})).await;
            assert_eq!(other.problem(409), "managed_by_scim");
        }
        let plan = hub.post("/v1/apply", &json!({"groups": {"dba": same}})).await.expect(200);
        assert_eq!(plan["changes"][0]["verb"], "keep");
        let other = json!({"groups": {"dba": {"members": []}, "ops": {"members": []}}});
        assert_eq!(hub.post("/v1/apply?dry_run=true", &other).await.problem(409), "managed_by_scim");
        assert_eq!(hub.post("/v1/apply", &other).await.problem(409), "managed_by_scim");
        let gone = hub.send(hub.call(Method::DELETE, "/v1/groups/dba").bearer_auth(&hub.token)).await;
        assert_eq!(gone.problem(409), "managed_by_scim");
        assert_eq!(hub.get("/v1/groups").await.expect(200)["items"], json!([view]));
    }

    async fn a_group_of_the_hub_is_taken_over_and_given_back(database: Database) {
        let directory = Directory::on(TestHub::start(database).await.with_policy().await).await;
        let hub = &directory.hub;
        let fay = directory.user("fay@example.com").await;
        let group = directory.group("dba", &[&fay]).await;
        assert_eq!(directory.members("dba").await, json!(["fay@example.com"]));
        let trail = directory.trail("scim.group.created").await;
        assert_eq!(trail[0]["details"]["former_members"], json!(["dana@example.com", "erik@example.com"]));
        let path = format!("/Groups/{group}");
        let rename = json!([{"op": "replace", "path": "displayName", "value": "db-admins"}]);
        let answer = directory.patch(&path, rename.clone()).await;
        assert_eq!(refused(&answer, 409), "");
        assert!(answer.text.contains("names the group dba"), "{}", answer.text);
        assert_eq!(directory.members("dba").await, json!(["fay@example.com"]));

        assert_eq!(directory.delete(&path).await.status, 204);
        let left = hub.get("/v1/groups/dba").await.expect(200);
        assert_eq!(left, json!({"name": "dba", "members": []}), "a policy names it, so it stays, without members");
        hub.put("/v1/groups/dba", &json!({"members": ["dana@example.com"]})).await.expect(200);
    }

    async fn a_group_has_members_by_a_directory_or_by_a_claim(database: Database) {
        let directory = Directory::start(database).await;
        let hub = &directory.hub;
        directory.group("dba", &[]).await;
        let both = hub.put("/v1/groups/dba", &json!({"members": [], "from_claim": ["db-admins"]})).await;
        assert_eq!(both.problem(409), "managed_by_scim");
        assert!(both.text.contains("remove from_claim"), "{}", both.text);
        hub.put("/v1/groups/ops", &json!({"from_claim": ["ops"]})).await.expect(200);
        let taken = directory.post("/Groups", &json!({"displayName": "ops"})).await;
        assert_eq!(refused(&taken, 409), "uniqueness");
        assert!(taken.text.contains("members by a claim"), "{}", taken.text);
        hub.put("/v1/groups/ops", &json!({"members": []})).await.expect(200);
        directory.group("ops", &[]).await;
    }

    async fn a_group_is_renamed_once_nothing_names_it(database: Database) {
        let directory = Directory::on(TestHub::start(database).await.with_policy().await).await;
        let hub = &directory.hub;
        let fay = directory.user("fay@example.com").await;
        let group = directory.group("dba", &[&fay]).await;
        let rename = json!([{"op": "replace", "path": "displayName", "value": "db-admins"}]);
        let path = format!("/Groups/{group}");
        let request = hub.ask("orders", "x").await;
        for resource in ["orders", "customers"] {
            hub.put(&format!("/v1/resources/{resource}"), &json!({"slots": [{"group": "db-admins"}]})).await.expect(200);
        }
        refused(&directory.patch(&path, rename.clone()).await, 409);
        hub.vote(&request, "approve", "fay@example.com").await.expect(200);
        assert_eq!(directory.patch(&path, rename).await.status, 204);
        assert_eq!(directory.members("db-admins").await, json!(["fay@example.com"]));
        assert_eq!(hub.get("/v1/groups/dba").await.problem(404), "not_found");
        let request = hub.ask("orders", "y").await;
        hub.vote(&request, "approve", "fay@example.com").await.expect(200);
    }
}
