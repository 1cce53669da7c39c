//! Changed commands: by an approver, by the requester.

use serde_json::json;

use super::path;
use crate::support::{Database, Receiver, TestHub, on_both};

on_both! {
    async fn an_approver_approves_a_changed_command(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba"}, {"group": "security"}]})).await;
        let receiver = Receiver::start().await;
        hub.endpoint("feed", "custom", &receiver.url, &["security"]).await;
        let request = hub.ask_with(json!({"command": "delete from carts"})).await.expect(201);
        hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        let change = json!({"on_behalf_of": "erik@example.com", "command": "delete from carts where old", "reason": "not all"});
        let shown = hub.post(&path(&request, "/approve"), &change).await.expect(200);
        assert_eq!((&shown["status"], &shown["revision"], &shown["modified_by"]), (&json!("pending"), &json!(2), &json!("erik@example.com")));
        assert_eq!(shown["change"]["diff"], "-delete from carts\n+delete from carts where old");
        assert_ne!(shown["digest"], request["digest"]);
        assert_eq!((&shown["votes"][0]["voided"], &shown["votes"][1]["voided"]), (&json!(true), &json!(false)), "erik's counts, sam's is void");
        assert_eq!(shown["votes"][1]["revision"], 2);
        // Votes on the earlier revision are refused; all other approvers decide again.
        let stale = json!({"on_behalf_of": "sam@example.com", "revision": 1});
        assert_eq!(hub.post(&path(&request, "/approve"), &stale).await.problem(412), "revision_stale");
        let old_link = receiver.wait_for(1).await[0].json()["data"]["links"]["approve"].as_str().unwrap().to_owned();
        assert_eq!(hub.get(&old_link).await.status, 412);
        let decided = hub.vote(&request, "approve", "sam@example.com").await.expect(200);
        assert_eq!((&decided["status"], &decided["command"]), (&json!("approved"), &json!("delete from carts where old")));
        assert_eq!(hub.post(&path(&request, "/claim"), &json!({"digest": request["digest"]})).await.problem(412), "digest_stale");
        let claimed = hub.post(&path(&request, "/claim"), &json!({"digest": decided["digest"]})).await.expect(200);
        assert_eq!(claimed["command"], "delete from carts where old");
        let messages = receiver.wait_for(4).await;
        let revised = messages.iter().map(|message| message.json()).find(|message| message["type"] == "request.revised").unwrap();
        assert_eq!(revised["data"]["request"]["change"]["by"], "erik@example.com");
        assert!(revised["data"]["links"]["approve"].is_string(), "with new links");
    }

    async fn a_change_that_completes_the_cover_approves_it_at_once(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let change = json!({"on_behalf_of": "erik@example.com", "command": "select 1"});
        let shown = hub.post(&path(&request, "/approve"), &change).await.expect(200);
        assert_eq!((&shown["status"], &shown["revision"], &shown["execution"]["status"]), (&json!("approved"), &json!(2), &json!("ready")));
        assert_eq!(hub.trail(&request).await, ["request.created", "request.revised", "request.voted", "request.approved"]);
        let same = hub.ask_with(json!({"command": "x"})).await.expect(201);
        let nothing = hub.post(&path(&same, "/approve"), &json!({"on_behalf_of": "erik@example.com", "command": "x"})).await.expect(200);
        assert_eq!((&nothing["status"], &nothing["revision"]), (&json!("approved"), &json!(1)), "nothing was changed");
    }

    async fn a_changed_command_meets_the_rules_too(database: Database) {
        let rules = json!([
            {"name": "no-drop", "effect": "deny", "statements": ["drop"]},
            {"name": "four-eyes", "effect": "require", "statements": ["truncate"], "slots": [{"group": "security"}]},
        ]);
        let hub = TestHub::start(database).await.with_orders(json!({"guardrails": rules})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let change = |command: &str| json!({"on_behalf_of": "erik@example.com", "command": command});
        assert_eq!(hub.post(&path(&request, "/approve"), &change("DROP TABLE carts")).await.problem(422), "denied_by_rule");
        assert_eq!(hub.post(&path(&request, "/revise"), &json!({"command": "drop table carts"})).await.problem(422), "denied_by_rule");
        assert_eq!(hub.show(&request).await["revision"], 1, "nothing was changed");
        let shown = hub.post(&path(&request, "/approve"), &change("truncate carts")).await.expect(200);
        assert_eq!((&shown["status"], &shown["slots"][1]["group"]), (&json!("pending"), &json!("security")));
        let sams = "/v1/requests?waiting_for=sam@example.com";
        assert_eq!(hub.get(sams).await.expect(200)["items"].as_array().unwrap().len(), 1);
        let back = hub.post(&path(&request, "/revise"), &json!({"command": "delete from carts where old"})).await.expect(200);
        assert_eq!(back["slots"].as_array().unwrap().len(), 1, "the rule no longer adds a slot");
        assert_eq!(hub.get(sams).await.expect(200)["items"], json!([]));
        hub.post(&path(&request, "/approve"), &change("truncate carts")).await.expect(200);
        assert_eq!(hub.vote(&request, "approve", "sam@example.com").await.expect(200)["status"], "approved");
    }

    async fn the_requester_revises_the_command(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        let request = hub.ask_with(json!({"context": {"rows": 10}})).await.expect(201);
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let revise = path(&request, "/revise");
        assert_eq!(hub.post(&revise, &json!({"command": request["command"]})).await.problem(422), "nothing_changed");
        assert_eq!(hub.post(&revise, &json!({"command": "x", "revision": 7})).await.problem(412), "revision_stale");
        let mary = hub.token("requester", Some("mary")).await;
        assert_eq!(hub.post_as(&mary, &revise, &json!({"command": "x"})).await.problem(404), "not_found");
        let shown = hub.post(&revise, &json!({"context": {"rows": 5}, "reason": "fewer"})).await.expect(200);
        assert_eq!((&shown["revision"], &shown["command"], &shown["modified_by"]), (&json!(2), &request["command"], &json!(null)));
        assert_eq!((&shown["change"]["role"], &shown["change"]["reason"]), (&json!("requester"), &json!("fewer")));
        let diff = shown["change"]["diff"].as_str().unwrap();
        assert!(diff.contains("-  \"rows\": 10") && diff.contains("+  \"rows\": 5"), "{diff}");
        assert_eq!(shown["votes"][0]["voided"], true);
        assert_eq!(shown["expires_at"], request["expires_at"], "no more time than before");
        for voter in ["dana", "erik"] {
            hub.vote(&request, "approve", &format!("{voter}@example.com")).await.expect(200);
        }
        assert_eq!(hub.post(&revise, &json!({"command": "x"})).await.problem(409), "already_decided");
    }

    async fn an_operators_change_is_not_recorded_as_the_requesters(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let nora = hub.token("requester", Some("nora")).await;
        let ask = json!({"resource": "orders", "command": "delete from carts"});
        let request = hub.post_as(&nora, "/v1/requests", &ask).await.expect(201);
        let (mary, revise) = (hub.token("admin", Some("mary")).await, path(&request, "/revise"));
        for (number, token, by, role) in [
            (1, &hub.token, json!(null), "operator"),
            (2, &mary, json!("mary@example.com"), "operator"),
            (3, &nora, json!("nora@example.com"), "requester"),
        ] {
            let shown = hub.post_as(token, &revise, &json!({"command": format!("delete from carts where age > {number}")})).await.expect(200);
            assert_eq!((&shown["change"]["by"], &shown["change"]["role"]), (&by, &json!(role)));
            let trail = hub.get(&path(&request, "/audit")).await.expect(200);
            let entry = trail["items"].as_array().unwrap().last().unwrap();
            assert_eq!((&entry["action"], entry.get("person").unwrap_or(&json!(null))), (&json!("request.revised"), &by));
        }
    }

    async fn a_link_approves_a_changed_command_by_form_and_by_json(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        hub.group("dba", &["dana", "erik", "nora"]).await;
        let receiver = Receiver::start().await;
        hub.endpoint("chat", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask_with(json!({"command": "delete\n  from carts"})).await.expect(201);
        let link = receiver.wait_for(1).await[0].json()["data"]["links"]["review"].as_str().unwrap().to_owned();
        let page = hub.get(&link).await.text;
        assert!(page.contains("<option value=\"dana@example.com\"") && page.contains("nora@example.com (may only reject)"), "{page}");
        assert!(page.contains("<textarea id=\"edited\""), "{page}");
        let nonce = page.split("name=\"nonce\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let form = [("nonce", nonce.as_str()), ("approver", "dana@example.com"), ("decision", "change"), ("command", "delete\r\n  from carts where old")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let call = hub.call(reqwest::Method::POST, &link).header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(hub.send(call).await.status, 303);
        let shown = hub.show(&request).await;
        assert_eq!((&shown["status"], &shown["command"]), (&json!("approved"), &json!("delete\n  from carts where old")));

        let request = hub.ask_with(json!({})).await.expect(201);
        let messages = receiver.wait_for(4).await;
        let link = messages.iter().map(|message| message.json()).find(|message| message["type"] == "request.created" && message["data"]["request"]["id"] == request["id"]).unwrap();
        let decision = json!({"decision": "approve", "approver": "dana@example.com", "command": "select 2"});
        let call = hub.call(reqwest::Method::POST, link["data"]["links"]["approve"].as_str().unwrap()).json(&decision);
        assert_eq!(hub.send(call).await.expect(200)["command"], "select 2");
    }

    async fn text_typed_beside_the_plain_approve_button_is_ignored(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let receiver = Receiver::start().await;
        hub.endpoint("chat", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let link = receiver.wait_for(1).await[0].json()["data"]["links"]["review"].as_str().unwrap().to_owned();
        let page = hub.get(&link).await.text;
        let nonce = page.split("name=\"nonce\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let form = [("nonce", nonce.as_str()), ("approver", "dana@example.com"), ("decision", "approve"), ("command", "begun to type")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let call = hub.call(reqwest::Method::POST, &link).header("content-type", "application/x-www-form-urlencoded").body(body);
        assert_eq!(hub.send(call).await.status, 303);
        let shown = hub.show(&request).await;
        assert_eq!((&shown["status"], &shown["revision"], &shown["command"]), (&json!("approved"), &json!(1), &request["command"]));
    }

    async fn a_command_with_invisible_characters_cannot_be_edited_in_the_page(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let receiver = Receiver::start().await;
        hub.endpoint("chat", "custom", &receiver.url, &["dba"]).await;
        hub.ask_with(json!({"command": "delete from carts -- \u{202e}x"})).await.expect(201);
        let link = receiver.wait_for(1).await[0].json()["data"]["links"]["review"].as_str().unwrap().to_owned();
        assert!(!hub.get(&link).await.text.contains("<textarea id=\"edited\""));
    }
}
