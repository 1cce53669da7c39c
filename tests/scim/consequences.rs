//! What happens to people whom the directory deactivates or deletes.

use serde_json::{Value, json};

use super::Directory;
use crate::support::{Database, TestHub, eventually, on_both};

impl Directory {
    /// With a policy that needs two of dba: dana and erik by the directory, and dana by hand in security.
    async fn with_people(database: Database) -> (Self, [String; 3], String) {
        let directory = Self::on(TestHub::start(database).await.with_policy().await).await;
        let mut users = Vec::new();
        for name in ["dana", "erik", "fay"] {
            users.push(directory.user(&format!("{name}@example.com")).await);
        }
        let group = directory.group("dba", &users.iter().collect::<Vec<_>>()).await;
        let policy = json!({"slots": [{"group": "dba", "needed": 2}]});
        directory.hub.put("/v1/resources/orders", &policy).await.expect(200);
        (directory, users.try_into().unwrap(), group)
    }

    async fn switch(&self, user: &str, active: bool) {
        let change = json!([{"op": "Replace", "path": "active", "value": active}]);
        self.patch(&format!("/Users/{user}"), change).await.expect(200);
    }

    async fn is_voided(&self, request: &Value) {
        eventually("the vote is voided", async || {
            self.hub.show(request).await["votes"][0]["voided"].as_bool().filter(|voided| *voided)
        })
        .await;
    }
}

on_both! {
    async fn who_is_deactivated_loses_memberships_tokens_and_votes(database: Database) {
        let (directory, [dana, ..], group) = Directory::with_people(database).await;
        let hub = &directory.hub;
        let token = json!({"name": "dana", "scope": "approver", "person": "dana@example.com"});
        let secret = hub.post("/v1/tokens", &token).await.expect(201)["secret"].as_str().unwrap().to_owned();
        let request = hub.ask("orders", "x").await;
        let mine = || hub.send(hub.call(reqwest::Method::GET, "/v1/requests?waiting_for=me").bearer_auth(&secret));
        mine().await.expect(200);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        directory.switch(&dana, false).await;
        assert_eq!(mine().await.problem(401), "unauthenticated");
        assert_eq!(directory.members("dba").await, json!(["erik@example.com", "fay@example.com"]));
        assert_eq!(directory.members("security").await, json!(["sam@example.com"]), "also of groups of the hub's own");
        directory.is_voided(&request).await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "not_eligible");
        let ended = &directory.trail("scim.user.deactivated").await[0]["details"]["ended"];
        assert_eq!((&ended["groups"], ended["tokens"].as_array().unwrap().len()), (&json!(["dba", "security"]), 1));

        // Reactivated, she is what the directory says from now on.
        directory.switch(&dana, true).await;
        assert_eq!(directory.members("dba").await, json!(["erik@example.com", "fay@example.com"]));
        assert_eq!(mine().await.problem(401), "unauthenticated");
        let add = json!([{"op": "Add", "path": "members", "value": [{"value": dana}]}]);
        assert_eq!(directory.patch(&format!("/Groups/{group}"), add).await.status, 204);
        assert_eq!(directory.members("dba").await.as_array().unwrap().len(), 3);
    }

    async fn who_is_deactivated_is_no_member_by_a_claim(database: Database) {
        let (directory, [dana, ..], _) = Directory::with_people(database).await;
        let hub = &directory.hub;
        hub.put("/v1/groups/security", &json!({"members": [], "from_claim": ["secops"]})).await.expect(200);
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "security"}]})).await.expect(200);
        let signs_in = async || {
            let values = ["secops".to_owned()].into();
            hub.server.hub().record_claims("dana@example.com".parse().unwrap(), values).await.unwrap();
        };
        signs_in().await;
        let request = hub.ask("orders", "x").await;
        directory.switch(&dana, false).await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "not_eligible");
        signs_in().await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "not_eligible", "nor by a new one");
        directory.switch(&dana, true).await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "not_eligible", "until the next");
        signs_in().await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
    }

    async fn who_is_inactive_is_a_member_once_active(database: Database) {
        let (directory, [dana, ..], group) = Directory::with_people(database).await;
        directory.switch(&dana, false).await;
        let add = json!([{"op": "Add", "path": "members", "value": [{"value": dana}]}]);
        assert_eq!(directory.patch(&format!("/Groups/{group}"), add).await.status, 204);
        let shown = directory.get(&format!("/Groups/{group}")).await.expect(200);
        assert_eq!(shown["members"].as_array().unwrap().len(), 3, "as the directory said");
        assert_eq!(directory.members("dba").await, json!(["erik@example.com", "fay@example.com"]));
        directory.switch(&dana, true).await;
        assert_eq!(directory.members("dba").await.as_array().unwrap().len(), 3);
    }

    async fn who_is_deactivated_is_no_stand_in_and_no_member_by_hand(database: Database) {
        let (directory, [dana, ..], _) = Directory::with_people(database).await;
        let hub = &directory.hub;
        let away = json!({"name": "Sam", "absence": {"delegate": "dana@example.com"}});
        hub.put("/v1/people/sam@example.com", &away).await.expect(200);
        hub.put("/v1/resources/vault", &json!({"slots": [{"group": "security"}]})).await.expect(200);
        directory.switch(&dana, false).await;
        let request = hub.ask("vault", "x").await;
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(403), "not_eligible");
        assert_eq!(hub.get("/v1/people/sam@example.com").await.expect(200)["absence"]["delegate"], Value::Null);
        assert_eq!(hub.put("/v1/people/sam@example.com", &away).await.problem(409), "person_deactivated");
        assert_eq!(hub.post("/v1/apply", &json!({"people": {"sam@example.com": away}})).await.problem(409), "person_deactivated");
        let members = json!({"members": ["dana@example.com", "sam@example.com"]});
        assert_eq!(hub.put("/v1/groups/security", &members).await.problem(409), "person_deactivated");
        assert_eq!(hub.post("/v1/apply", &json!({"groups": {"security": members}})).await.problem(409), "person_deactivated");
        directory.switch(&dana, true).await;
        hub.put("/v1/groups/security", &members).await.expect(200);
    }

    async fn too_few_people_are_an_alarm_and_a_deleted_user_is_gone(database: Database) {
        let (directory, [dana, erik, _], group) = Directory::with_people(database).await;
        let hub = &directory.hub;
        let request = hub.ask("orders", "x").await;
        for user in [&dana, &erik] {
            assert_eq!(directory.delete(&format!("/Users/{user}")).await.status, 204);
        }
        eventually("it is noticed", async || (hub.show(&request).await["undecidable"] == true).then_some(())).await;
        assert_eq!(directory.members("dba").await, json!(["fay@example.com"]));
        let shown = directory.get(&format!("/Groups/{group}")).await.expect(200);
        assert_eq!(shown["members"].as_array().unwrap().len(), 1);
        let again = directory.user("dana@example.com").await;
        assert_ne!(again, dana);
        assert_eq!(directory.members("dba").await, json!(["fay@example.com"]), "a new user is in no group");
    }

    async fn another_address_is_another_person_with_the_directorys_groups(database: Database) {
        let (directory, [dana, ..], _) = Directory::with_people(database).await;
        let hub = &directory.hub;
        let request = hub.ask("orders", "x").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let rename = json!([{"op": "Replace", "path": "userName", "value": "dana.lind@example.com"}]);
        directory.patch(&format!("/Users/{dana}"), rename).await.expect(200);
        assert_eq!(directory.members("dba").await, json!(["dana.lind@example.com", "erik@example.com", "fay@example.com"]));
        assert_eq!(directory.members("security").await, json!(["sam@example.com"]));
        directory.is_voided(&request).await;
        assert_eq!(hub.get("/v1/people/dana@example.com").await.problem(404), "not_found");
        let changed = &directory.trail("scim.user.changed").await[0];
        assert_eq!((&changed["person"], &changed["details"]["former_address"]), (&json!("dana.lind@example.com"), &json!("dana@example.com")));
    }

    async fn roles_and_absences_stay_with_their_address(database: Database) {
        let (directory, [dana, ..], _) = Directory::with_people(database).await;
        let hub = &directory.hub;
        let away = |name: &str, role: &str, stand_in: &str| {
            json!({"name": name, "roles": [role], "absence": {"delegate": format!("{stand_in}@example.com")}})
        };
        hub.put("/v1/people/dana@example.com", &away("Dana", "analyst", "fay")).await.expect(200);
        hub.put("/v1/people/lind@example.com", &away("Lind", "auditor", "erik")).await.expect(200);
        let rename = async |address: &str| {
            let change = json!([
                {"op": "Replace", "path": "userName", "value": address}, {"op": "Replace", "path": "displayName", "value": "D. Lind"},
            ]);
            directory.patch(&format!("/Users/{dana}"), change).await.expect(200);
        };
        rename("lind@example.com").await;
        let person = hub.get("/v1/people/lind@example.com").await.expect(200);
        assert_eq!(
            (&person["name"], &person["roles"], &person["absence"]["delegate"]),
            (&json!("D. Lind"), &json!(["auditor"]), &json!("erik@example.com"))
        );
        assert_eq!(hub.get("/v1/people/dana@example.com").await.problem(404), "not_found");
        let ended = directory.trail("scim.user.changed").await[0]["details"]["former_ended"].clone();
        assert_eq!(
            (&ended["roles"], &ended["absence"]["delegate"], &ended["groups"]),
            (&json!(["analyst"]), &json!("fay@example.com"), &json!(["dba", "security"]))
        );
        // Of an address that the hub did not know, it knows only the name.
        rename("lind.dana@example.com").await;
        let person = hub.get("/v1/people/lind.dana@example.com").await.expect(200);
        assert_eq!((&person["roles"], &person["absence"]), (&json!([]), &Value::Null), "{person}");
    }

    async fn a_user_who_comes_inactive_is_out_at_once(database: Database) {
        let directory = Directory::on(TestHub::start(database).await.with_policy().await).await;
        let off = json!({"userName": "dana@example.com", "active": false});
        directory.post("/Users", &off).await.expect(201);
        assert_eq!(directory.members("dba").await, json!(["erik@example.com"]));
        assert_eq!(directory.members("security").await, json!(["sam@example.com"]));
    }
}
