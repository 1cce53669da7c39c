//! The transitions of a request, one by one.

use serde_json::json;

use super::path;
use crate::support::{Database, TestHub, on_both};

on_both! {
    async fn create_makes_pending_once_per_key(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        assert_eq!(hub.ask_with(json!({})).await.expect(201)["status"], "pending");
        // Preconditions: the schema, the policy, and people who could decide.
        assert_eq!(hub.ask_with(json!({"command": ""})).await.problem(422), "invalid_payload");
        assert_eq!(hub.ask_with(json!({"resource": "nothing"})).await.problem(404), "not_found");
        hub.put("/v1/resources/orders", &json!({"slots": [{"group": "dba", "needed": 2}], "conflicted": ["erik@example.com"]})).await.expect(200);
        assert_eq!(hub.ask_with(json!({})).await.problem(422), "unsatisfiable");
    }

    async fn create_by_an_exempt_group_is_approved_and_always_announced(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"exempt_groups": ["oncall"]})).await;
        hub.group("oncall", &["nora"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        assert_eq!(request["status"], "approved");
        assert_eq!(request["decision"]["method"], "exempt");
        assert_eq!(request["decision"]["group"], "oncall");
        assert_eq!(request["execution"]["status"], "ready");
        assert_eq!(hub.trail(&request).await, ["request.created", "request.approved"]);
        // Groups claimed by a system exempt no one.
        let other = json!({"requester": {"email": "mary@example.com", "groups": ["oncall"]}});
        assert_eq!(hub.ask_with(other).await.expect(201)["status"], "pending");
        // No requester is exempt through a principal, a beneficiary or another named person who is.
        for borrowed in [
            json!({"requester": {"email": "nora@example.com", "acting_for": "mary@example.com"}}),
            json!({"beneficiary": "mary@example.com"}),
        ] {
            assert_eq!(hub.ask_with(borrowed).await.expect(201)["status"], "pending");
        }
        let bob = hub.token("requester", Some("bob")).await;
        let named = json!({"resource": "orders", "command": "x", "requester": {"email": "nora@example.com", "acting_for": "bob@example.com"}});
        assert_eq!(hub.post_as(&bob, "/v1/requests", &named).await.problem(403), "forbidden");
        let summary = hub.get("/v1/analytics/summary").await.expect(200);
        assert_eq!(summary["ended"]["unasked"]["exempt"], 1);
        assert_eq!(summary["ended"]["total"], 0, "counted apart");
    }

    async fn create_under_a_deny_rule_is_rejected_and_names_the_rule(database: Database) {
        let rule = json!({"name": "no-drop", "effect": "deny", "statements": ["drop table"], "reason": "restore takes a day"});
        let hub = TestHub::start(database).await
            .with_orders(json!({"guardrails": [rule], "exempt_groups": ["oncall"]})).await;
        hub.group("oncall", &["nora"]).await;
        let request = hub.ask_with(json!({"command": "DROP /* x */ TABLE carts", "language": "sql"})).await.expect(201);
        assert_eq!(request["status"], "rejected", "a deny rule has priority over an exemption");
        assert_eq!(request["decision"], json!({
            "outcome": "rejected", "method": "rule", "reason": "rule no-drop: restore takes a day", "by": [],
            "rule": "no-drop", "group": null,
        }));
        assert_eq!(hub.trail(&request).await, ["request.created", "request.rejected"]);
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(409), "already_decided");
    }

    async fn the_vote_that_completes_the_cover_approves(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}, {"group": "security"}]})).await;
        hub.group("dba", &["dana", "erik", "olga"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        for (voter, status) in [("dana", "pending"), ("erik", "pending"), ("sam", "approved")] {
            let answer = hub.vote(&request, "approve", &format!("{voter}@example.com")).await.expect(200);
            assert_eq!(answer["status"], status, "{voter}");
        }
        // Dana is in both groups, and fills one seat.
        let request = hub.ask_with(json!({})).await.expect(201);
        for voter in ["dana", "erik"] {
            hub.vote(&request, "approve", &format!("{voter}@example.com")).await.expect(200);
        }
        assert_eq!(hub.show(&request).await["status"], "pending");
        assert_eq!(hub.vote(&request, "approve", "olga@example.com").await.expect(200)["status"], "approved", "dana fills the other slot");
    }

    async fn enough_rejections_end_a_request(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"reject_needed": 2, "reject_reason_required": true})).await;
        hub.group("dba", &["dana", "erik", "olga"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        assert_eq!(hub.vote(&request, "reject", "dana@example.com").await.problem(422), "reason_required");
        let reject = |who: &str| json!({"on_behalf_of": format!("{who}@example.com"), "reason": "no"});
        let first = hub.post(&path(&request, "/reject"), &reject("dana")).await.expect(200);
        assert_eq!(first["status"], "pending");
        // A voter may change their vote, both ways.
        assert_eq!(hub.vote(&hub.ask_with(json!({})).await.expect(201), "approve", "dana@example.com").await.expect(200)["status"], "approved");
        let second = hub.post(&path(&request, "/reject"), &reject("erik")).await.expect(200);
        assert_eq!((&second["status"], &second["decision"]["by"]), (&json!("rejected"), &json!(["dana@example.com", "erik@example.com"])));
        assert_eq!(hub.vote(&request, "approve", "olga@example.com").await.problem(409), "already_decided");
        let again = hub.post(&path(&request, "/reject"), &reject("erik")).await.expect(200);
        assert_eq!(again["status"], "rejected", "a repeat is no error");
    }

    async fn a_request_expires_once_at_its_deadline(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"timeout_seconds": 60})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.advance(59);
        assert_eq!(hub.show(&request).await["status"], "pending");
        hub.advance(1);
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(410), "expired");
        hub.after(10).await;
        let shown = hub.show(&request).await;
        assert_eq!((&shown["status"], &shown["decision"]["method"]), (&json!("expired"), &json!("timeout")));
        assert_eq!(hub.post(&path(&request, "/cancel"), &json!({})).await.problem(410), "expired");
        assert_eq!(hub.post(&path(&request, "/revise"), &json!({"command": "x"})).await.problem(410), "expired");
        assert_eq!(hub.trail(&request).await, ["request.created", "request.expired"]);
    }

    async fn the_requester_cancels_a_request(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let stranger = hub.token("requester", Some("mary")).await;
        assert_eq!(hub.post_as(&stranger, &path(&request, "/cancel"), &json!({})).await.problem(404), "not_found");
        let nora = hub.token("requester", Some("nora")).await;
        let cancelled = hub.post_as(&nora, &path(&request, "/cancel"), &json!({"reason": "typo"})).await.expect(200);
        assert_eq!((&cancelled["status"], &cancelled["decision"]["reason"]), (&json!("cancelled"), &json!("typo")));
        hub.post_as(&nora, &path(&request, "/cancel"), &json!({})).await.expect(200);
        assert_eq!(hub.vote(&request, "approve", "dana@example.com").await.problem(409), "already_decided");
    }

    async fn a_request_is_replaced_by_another(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"timeout_seconds": 60})).await;
        let first = hub.ask_with(json!({})).await.expect(201);
        let second = hub.ask_with(json!({"command": "delete from carts where old", "replaces": first["id"]})).await.expect(201);
        let shown = hub.show(&first).await;
        assert_eq!((&shown["status"], &shown["superseded_by"]), (&json!("superseded"), &second["id"]));
        assert_eq!(second["supersedes"], first["id"]);
        assert_eq!(hub.ask_with(json!({"replaces": first["id"]})).await.problem(409), "already_replaced");
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"].as_array().unwrap().len(), 2, "nothing of it was stored");
        // An expired request is resubmitted, and stays expired.
        hub.after(60).await;
        let third = hub.ask_with(json!({"replaces": second["id"]})).await.expect(201);
        let shown = hub.show(&second).await;
        assert_eq!((&shown["status"], &shown["superseded_by"]), (&json!("expired"), &third["id"]));
        // An approved request is not cancelled by a replacement, and no one may replace another person's request.
        hub.vote(&third, "approve", "dana@example.com").await.expect(200);
        assert_eq!(hub.ask_with(json!({"replaces": third["id"]})).await.problem(409), "already_decided");
        let fourth = hub.ask_with(json!({})).await.expect(201);
        let mary = hub.token("requester", Some("mary")).await;
        let theft = json!({"resource": "orders", "command": "x", "replaces": fourth["id"]});
        assert_eq!(hub.post_as(&mary, "/v1/requests", &theft).await.problem(404), "not_found");
    }

    async fn refusals_of_a_vote_have_the_documented_order(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"min_assurance": "token"})).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        let dana = hub.token("approver", Some("dana")).await;
        let nora = hub.token("approver", Some("nora")).await;
        let approve = path(&request, "/approve");
        let stale = json!({"revision": 2});
        assert_eq!(hub.post_as(&nora, &approve, &stale).await.problem(412), "revision_stale", "before who it is");
        let digest = json!({"digest": "0".repeat(64), "on_behalf_of": "nora@example.com"});
        assert_eq!(hub.post(&approve, &digest).await.problem(412), "digest_stale");
        assert_eq!(hub.vote(&request, "approve", "nora@example.com").await.problem(403), "assurance_too_low", "before conflict");
        assert_eq!(hub.post_as(&nora, &approve, &json!({})).await.problem(403), "conflict_of_interest");
        let sam = hub.token("approver", Some("sam")).await;
        assert_eq!(hub.post_as(&sam, &approve, &json!({})).await.problem(404), "not_found", "and a stranger learns nothing");
        assert_eq!(hub.vote(&request, "reject", "sam@example.com").await.problem(403), "assurance_too_low");
        assert_eq!(hub.post_as(&dana, &approve, &json!({})).await.expect(200)["status"], "approved");
        assert_eq!(hub.post_as(&dana, &approve, &json!({})).await.expect(200)["status"], "approved", "again");
        assert_eq!(hub.post_as(&dana, &path(&request, "/reject"), &json!({})).await.problem(409), "already_decided");
        let nothing = "/v1/requests/req_00000000000000000000000000000000/approve";
        assert_eq!(hub.post_as(&dana, nothing, &json!({})).await.problem(404), "not_found");
    }
}
