//! The calls of Okta's provisioning, as its documentation shows them.

use serde_json::{Value, json};

use super::{Directory, id, refused};
use crate::support::{Database, on_both};

fn new_user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("{name}@okta.example"),
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": true, "value": format!("{name}@okta.example"), "type": "work"}],
        "displayName": "Test User", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [], "password": "1mz050nq", "active": true,
    })
}

on_both! {
    async fn a_user_is_looked_for_created_read_replaced_and_deactivated(database: Database) {
        let directory = Directory::start(database).await;
        let query = "?filter=userName%20eq%20%22test.user%40okta.example%22&startIndex=1&count=100";
        assert_eq!(directory.get(&format!("/Users{query}")).await.expect(200)["totalResults"], 0);
        let answer = directory.post("/Users", &new_user("test.user")).await;
        let made = answer.expect(201);
        assert!(!answer.text.contains("1mz050nq") && made.get("groups").is_none(), "{made}");
        assert_eq!(refused(&directory.post("/Users", &new_user("Test.User")).await, 409), "uniqueness");
        let path = format!("/Users/{}", id(&made));
        assert_eq!(directory.get(&format!("/Users{query}")).await.expect(200)["Resources"], json!([made]));

        let mut whole = directory.get(&path).await.expect(200);
        whole["name"]["givenName"] = json!("Another");
        whole["displayName"] = json!(null);
        let put = directory.put(&path, &whole).await.expect(200);
        assert_eq!((&put["id"], &put["name"]["givenName"]), (&made["id"], &json!("Another")));
        assert_eq!(directory.hub.get("/v1/people/test.user@okta.example").await.expect(200)["name"], "Another User");
        whole["active"] = json!(false);
        assert_eq!(directory.put(&path, &whole).await.expect(200)["active"], false);
        whole.as_object_mut().unwrap().remove("active");
        assert_eq!(directory.put(&path, &whole).await.expect(200)["active"], false, "what is not said stays");
        let on = directory.patch(&path, json!([{"op": "replace", "value": {"active": true}}])).await.expect(200);
        assert_eq!(on["active"], true);
        let off = directory.patch(&path, json!([{"op": "replace", "value": {"active": false}}])).await.expect(200);
        assert_eq!((&off["active"], &off["userName"]), (&json!(false), &json!("test.user@okta.example")));
        let before = directory.trail("scim.user.deactivated").await.len();
        directory.patch(&path, json!([{"op": "replace", "value": {"active": false}}])).await.expect(200);
        assert_eq!((before, directory.trail("scim.user.deactivated").await.len()), (2, 2), "the same again is no change");
    }

    async fn a_group_is_pushed_changed_and_deleted(database: Database) {
        let directory = Directory::start(database).await;
        let user = directory.user("dana@example.com").await;
        let other = directory.user("erik@example.com").await;
        let made = directory.post("/Groups", &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "dba",
            "members": [{"value": user, "display": "dana@example.com"}],
        })).await.expect(201);
        let path = format!("/Groups/{}", id(&made));
        assert_eq!(directory.members("dba").await, json!(["dana@example.com"]));
        // A pushed group is named again before its members are.
        let name = json!([{"op": "replace", "value": {"id": id(&made), "displayName": "dba"}}]);
        assert_eq!(directory.patch(&path, name).await.status, 204);
        let members = json!([
            {"op": "remove", "path": format!("members[value eq \"{user}\"]")},
            {"op": "add", "path": "members", "value": [{"value": other, "display": "erik@example.com"}]},
        ]);
        assert_eq!(directory.patch(&path, members).await.status, 204);
        assert_eq!(directory.members("dba").await, json!(["erik@example.com"]));
        let replace = json!([{"op": "replace", "path": "members", "value": [{"value": user}, {"value": other}]}]);
        assert_eq!(directory.patch(&path, replace).await.status, 204);
        assert_eq!(directory.members("dba").await, json!(["dana@example.com", "erik@example.com"]));
        let put = directory.put(&path, &json!({"displayName": "dba", "members": [{"value": other}]})).await.expect(200);
        assert_eq!(put["members"][0]["value"], other);
        assert_eq!(directory.members("dba").await, json!(["erik@example.com"]));
        let put = directory.put(&path, &json!({"displayName": "dba", "externalId": "g1"})).await.expect(200);
        assert_eq!((&put["members"][0]["value"], &put["externalId"]), (&json!(other), &json!("g1")), "what is not said stays");
        assert_eq!(directory.get("/Groups?count=100&startIndex=1").await.expect(200)["totalResults"], 1);
        assert_eq!(directory.delete(&path).await.status, 204);
    }
}
