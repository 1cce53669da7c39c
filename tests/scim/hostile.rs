//! What is malformed or too much gets a clear error, and changes nothing.

use serde_json::{Value, json};

use super::{Directory, refused};
use crate::support::{Database, on_both};

on_both! {
    async fn hostile_filters_find_nothing_and_harm_nothing(database: Database) {
        let directory = Directory::start(database).await;
        directory.user("dana@example.com").await;
        for filter in ["a' OR '1'='1", "\\", "%", "_", "\u{0}", "dana@example.com'--", "ä\u{1f642}"] {
            let filter = format!("userName eq {}", Value::from(filter));
            assert!(directory.find("Users", &filter).await.is_empty(), "{filter}");
            let filter = filter.replace("userName", "displayName");
            assert!(directory.find("Groups", &filter).await.is_empty(), "{filter}");
        }
        for filter in [
            "userName", "userName eq", "userName eq x", "userName pr", "userName sw \"d\"", "not (userName eq \"x\")",
            "userName eq \"a\" or userName eq \"b\"", "password eq \"x\"", "active eq \"true\"", "userName eq true",
            "meta.created eq \"x\"", "1=1", "; --", "emails[type eq \"work\"].value eq \"x\"", "\"",
        ] {
            let url = url::Url::parse_with_params("http://x/Users", [("filter", filter)]).unwrap();
            let path = format!("/Users?{}", url.query().unwrap());
            assert_eq!(refused(&directory.get(&path).await, 400), "invalidFilter", "{filter}");
        }
        for filter in ["a%5B".repeat(900), "a+eq+%22b%22+and+".repeat(100), "%ff%fe".to_owned(), "%28".repeat(1_000)] {
            refused(&directory.get(&format!("/Users?filter={filter}")).await, 400);
        }
        assert_eq!(directory.get("/Users").await.expect(200)["totalResults"], 1);
    }

    async fn hostile_bodies_change_nothing(database: Database) {
        let directory = Directory::start(database).await;
        let dana = directory.user("dana@example.com").await;
        let group = directory.group("dba", &[&dana]).await;
        let trail = directory.hub.get("/v1/audit").await.expect(200);
        for body in [
            json!({}), json!({"userName": ""}), json!({"userName": 5}), json!({"userName": "x"}), json!({"userName": ["a@b.c"]}),
            json!({"userName": "e@example.com", "active": "perhaps"}), json!({"userName": "e@example.com", "name": "E"}),
            json!({"userName": "e@example.com", "emails": [5]}), json!({"userName": "a\u{0}@example.com"}),
            json!({"userName": "e@example.com", "displayName": "x".repeat(1_000)}),
            json!({"userName": "x", "emails": vec![json!({"value": "e@example.com"}); 21]}),
        ] {
            assert_eq!(refused(&directory.post("/Users", &body).await, 400), "invalidValue", "{body}");
        }
        for body in [
            json!({"displayName": "数据库"}), json!({"displayName": "x".repeat(65)}), json!({"displayName": null, "members": []}),
            json!({"displayName": "ops", "members": [{"value": group}]}), json!({"displayName": "ops", "members": [{}]}),
            json!({"displayName": "ops", "members": [{"value": "usr_00000000000000000000000000000000"}]}),
        ] {
            let answer = directory.post("/Groups", &body).await;
            assert!(answer.status == 400, "{body}: {}", answer.text);
        }
        let path = format!("/Users/{dana}");
        let good = json!({"op": "replace", "path": "active", "value": false});
        for (bad, kind) in [
            (json!({"op": "explode"}), "invalidSyntax"),
            (json!({"op": "remove"}), "noTarget"),
            (json!({"op": "remove", "path": "userName"}), "mutability"),
            (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
            (json!({"op": "replace", "path": "shoeSize", "value": "x"}), "invalidPath"),
            (json!({"op": "replace", "path": "emails[type eq", "value": "x"}), "invalidPath"),
            (json!({"op": "replace", "path": "userName", "value": "nobody"}), "invalidValue"),
        ] {
            assert_eq!(refused(&directory.patch(&path, json!([good, bad])).await, 400), kind, "{bad}");
        }
        assert_eq!(refused(&directory.patch(&path, json!(vec![good; 1_001])).await, 400), "invalidValue");
        refused(&directory.put("/Users/usr_x", &json!({"userName": "e@example.com"})).await, 404);
        refused(&directory.get(&format!("/Users/{group}")).await, 404);
        refused(&directory.post("/Users", &json!({"userName": "x".repeat(300_000)})).await, 413);
        let path = format!("/Groups/{group}");
        let gone = json!([{"op": "remove", "path": "members"}, {"op": "remove", "path": "displayName"}]);
        assert_eq!(refused(&directory.patch(&path, gone).await, 400), "mutability");
        assert_eq!(directory.members("dba").await, json!(["dana@example.com"]));
        assert_eq!(directory.hub.get("/v1/audit").await.expect(200), trail, "nothing was changed");
    }

    async fn names_that_could_be_taken_for_one_another_are_refused(database: Database) {
        let directory = Directory::start(database).await;
        directory.user("dana@example.com").await;
        let alias = json!({"userName": "dana", "emails": [{"value": "Dana@example.com"}]});
        assert_eq!(refused(&directory.post("/Users", &alias).await, 409), "uniqueness", "another user, the same person");
        let ops = directory.group("Ops Team", &[]).await;
        for name in ["Ops Team", "Ops-Team", "ops team", "Ops  Team!", "OPS/TEAM"] {
            let answer = directory.post("/Groups", &json!({"displayName": name})).await;
            assert_eq!(refused(&answer, 409), "uniqueness", "{name}");
        }
        directory.hub.put("/v1/groups/DBA", &json!({"members": []})).await.expect(200);
        assert_eq!(refused(&directory.post("/Groups", &json!({"displayName": "dba"})).await, 409), "uniqueness");
        let rename = json!([{"op": "replace", "path": "displayName", "value": "dba"}]);
        assert_eq!(refused(&directory.patch(&format!("/Groups/{ops}"), rename).await, 409), "uniqueness");
        let other_look = json!([{"op": "replace", "path": "displayName", "value": "Ops Team!"}]);
        assert_eq!(directory.patch(&format!("/Groups/{ops}"), other_look).await.status, 204, "of the same name in the hub");
    }

    async fn a_group_has_a_bounded_number_of_members(database: Database) {
        let directory = Directory::start(database).await;
        let dana = directory.user("dana@example.com").await;
        let group = directory.group("dba", &[&dana]).await;
        let many: Vec<_> = (0..2_001).map(|number| json!({"value": format!("usr_{number:032x}")})).collect();
        let add = json!([{"op": "add", "path": "members", "value": many}]);
        assert_eq!(refused(&directory.patch(&format!("/Groups/{group}"), add).await, 400), "invalidValue");
        assert_eq!(directory.members("dba").await, json!(["dana@example.com"]));
    }
}
