//! The calls of Microsoft Entra's provisioning service, as its documentation shows them.

use serde_json::{Value, json};

use super::{Directory, id};
use crate::support::{Database, on_both};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A user as Entra's default mapping writes it.
fn new_user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": format!("0a21f0f2-{name}"),
        "userName": format!("{name}@example.com"),
        "active": true,
        "addresses": null,
        "displayName": name,
        "emails": [{"primary": true, "type": "work", "value": format!("{name}.mail@example.com")}],
        "meta": {"resourceType": "User"},
        "name": {"familyName": "Reyes", "formatted": null, "givenName": name, "middleName": null},
        "nickName": null, "phoneNumbers": null, "preferredLanguage": null, "roles": [], "title": "Head of x",
        ENTERPRISE: {"employeeNumber": null, "department": "IT", "manager": {"value": "x"}},
    })
}

on_both! {
    async fn test_connection_finds_nobody(database: Database) {
        let directory = Directory::start(database).await;
        let filter = "?filter=userName+eq+%22non-existent-user-b0a2%22";
        let found = directory.get(&format!("/Users{filter}")).await.expect(200);
        let empty = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0,
            "startIndex": 1, "itemsPerPage": 0, "Resources": []});
        assert_eq!(found, empty);
        let groups = directory.get("/Groups?excludedAttributes=members&filter=displayName+eq+%22x%22").await.expect(200);
        assert_eq!(groups, empty);
    }

    async fn a_user_is_created_found_changed_disabled_and_deleted(database: Database) {
        let directory = Directory::start(database).await;
        let answer = directory.post("/Users", &new_user("Dana")).await;
        let made = answer.expect(201);
        let path = format!("/Users/{}", id(&made));
        assert_eq!(answer.headers["location"], made["meta"]["location"].as_str().unwrap());
        assert_eq!(made["meta"]["location"], format!("{}/scim/v2{path}", directory.hub.url));
        assert_eq!((&made["userName"], &made["active"]), (&json!("Dana@example.com"), &json!(true)));
        assert_eq!(made["name"], json!({"familyName": "Reyes", "givenName": "Dana"}));
        assert_eq!(directory.get(&path).await.expect(200), made);
        for filter in [
            "userName eq \"dana@example.com\"",
            "externalId eq \"0a21f0f2-Dana\"",
            "externalId eq \"0a21f0f2-Dana\" and userName eq \"DANA@example.com\"",
            "displayName eq \"dana\"",
        ] {
            assert_eq!(directory.find("Users", filter).await.as_slice(), std::slice::from_ref(&made), "{filter}");
        }
        assert!(directory.find("Users", "externalId eq \"0a21f0f2-dana\"").await.is_empty(), "it has a case");
        let person = directory.hub.get("/v1/people/dana@example.com").await.expect(200);
        assert_eq!(person["name"], "Dana");

        let changed = directory.patch(&path, json!([
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "updated@example.com"},
            {"op": "Replace", "path": "displayName", "value": "Dana Reyes"},
            {"op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Ops"},
            {"op": "Replace", "path": "title", "value": "Chief"},
        ])).await.expect(200);
        assert_eq!(changed["emails"], json!([{"primary": true, "type": "work", "value": "updated@example.com"}]));
        assert_eq!(directory.hub.get("/v1/people/dana@example.com").await.expect(200)["name"], "Dana Reyes");

        let off = directory.patch(&path, json!([{"op": "Replace", "path": "active", "value": "False"}])).await.expect(200);
        assert_eq!(off["active"], false);
        assert_eq!(directory.find("Users", "active eq false").await.len(), 1);
        assert_eq!(directory.delete(&path).await.status, 204);
        assert_eq!(directory.get(&path).await.status, 404);
        assert_eq!(directory.delete(&path).await.status, 404);
        assert_eq!(directory.hub.get("/v1/people/dana@example.com").await.status, 404);
        for action in ["created", "changed", "deactivated", "deleted"] {
            let trail = directory.trail(&format!("scim.user.{action}")).await;
            assert_eq!((trail.len(), &trail[0]["person"]), (1, &json!("dana@example.com")), "{action}");
            assert_eq!(trail[0]["actor"]["name"], "entra");
        }
    }

    async fn a_group_is_created_filled_renamed_and_deleted(database: Database) {
        let directory = Directory::start(database).await;
        let (dana, erik) = (id(&directory.post("/Users", &new_user("dana")).await.expect(201)), directory.user("erik@example.com").await);
        let made = directory.post("/Groups", &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "Database Admins",
            "meta": {"resourceType": "Group"},
        })).await.expect(201);
        let path = format!("/Groups/{}", id(&made));
        assert!(made.get("members").is_none(), "{made}");
        let found = directory.find("Groups", "displayName eq \"database admins\"").await;
        assert_eq!(found.as_slice(), std::slice::from_ref(&made));

        let add = json!([{"op": "Add", "path": "members", "value": [{"value": dana}, {"value": erik}]}]);
        assert_eq!(directory.patch(&path, add.clone()).await.status, 204);
        assert_eq!(directory.patch(&path, add).await.status, 204, "again");
        assert_eq!(directory.members("Database-Admins").await, json!(["dana@example.com", "erik@example.com"]));
        let group = directory.get(&path).await.expect(200);
        let member = |id: &str| json!({"value": id, "type": "User", "$ref": format!("{}/scim/v2/Users/{id}", directory.hub.url)});
        assert_eq!(group["members"], json!([member(&dana), member(&erik)]));
        assert!(directory.get(&format!("{path}?excludedAttributes=members")).await.expect(200).get("members").is_none());
        let has = directory.find("Groups", &format!("id eq \"{}\" and members eq \"{dana}\"", id(&made))).await;
        assert_eq!(has.len(), 1);
        assert!(directory.find("Groups", &format!("members[value eq \"{}\"]", id(&made))).await.is_empty());

        let remove = json!([{"op": "Remove", "path": format!("members[value eq \"{dana}\"]")}]);
        assert_eq!(directory.patch(&path, remove).await.status, 204);
        assert_eq!(directory.members("Database-Admins").await, json!(["erik@example.com"]));
        let remove = json!([{"op": "Remove", "path": "members", "value": [{"value": erik}]}]);
        assert_eq!(directory.patch(&path, remove).await.status, 204);
        assert_eq!(directory.members("Database-Admins").await, json!([]));

        let rename = json!([{"op": "Replace", "path": "displayName", "value": "1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName"}]);
        assert_eq!(directory.patch(&path, rename).await.status, 204);
        directory.hub.get("/v1/groups/1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName").await.expect(200);
        assert_eq!(directory.hub.get("/v1/groups/Database-Admins").await.problem(404), "not_found");
        assert_eq!(directory.delete(&path).await.status, 204);
        assert_eq!(directory.get(&path).await.status, 404);
        assert_eq!(directory.hub.get("/v1/groups").await.expect(200)["items"], json!([]));
        assert_eq!(directory.trail("scim.group.changed").await.len(), 4);
    }
}
