//! Guardrails over HTTP: what they deny, allow and add slots to, and how a resource's own examples are checked.

use serde_json::{Value, json};

use super::path;

use crate::support::{Database, TestHub, on_both};

fn rules() -> Value {
    json!([
        {"name": "no-drop", "effect": "deny", "statements": ["drop table", "drop database"],
         "blocks": ["drop table x", "DROP /**/ TABLE x"], "passes": ["delete from x", "select 'drop table x'"]},
        {"name": "big-deletes", "effect": "require", "statements": ["delete"], "context": {"/environment": "production"},
         "slots": [{"group": "security"}], "blocks": ["delete from x"]},
        {"name": "writes", "effect": "require", "statements": ["delete", "update", "insert"]},
        {"name": "reads", "effect": "allow", "statements": ["select"], "passes": ["select 1"], "blocks": ["delete from x", "select 1; delete from x"]},
    ])
}

on_both! {
    async fn drop_is_denied_delete_needs_approval_and_select_is_allowed(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"guardrails": rules()})).await;
        for (command, status, method) in [
            ("DROP TABLE carts", "rejected", json!("rule")),
            ("select 1; drop -- really\n table carts", "rejected", json!("rule")),
            ("/*!50000 DROP TABLE carts */", "rejected", json!("rule")),
            ("delete from carts", "pending", json!(null)),
            ("select * from carts", "approved", json!("rule")),
            ("select * from carts; select 2", "approved", json!("rule")),
            ("select 1; delete from carts", "pending", json!(null)),
            ("with gone as (delete from carts returning *) select * from gone", "pending", json!(null)),
        ] {
            let request = hub.ask_with(json!({"command": command, "language": "sql"})).await.expect(201);
            assert_eq!((&request["status"], &request["decision"]["method"]), (&json!(status), &method), "{command}");
        }
        let more = hub.ask_with(json!({"language": "sql", "context": {"environment": "production"}})).await.expect(201);
        let groups: Vec<_> = more["slots"].as_array().unwrap().iter().map(|slot| slot["group"].clone()).collect();
        assert_eq!(groups, ["dba", "security"]);
        let why = hub.get(&path(&more, "/explain")).await.expect(200);
        assert_eq!((&why["asking_rules"], &why["findings"][0]["rule"]), (&json!(["big-deletes"]), &json!("big-deletes")));
    }

    async fn a_rule_that_fails_its_own_examples_is_refused(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let rule = |more: Value| {
            let mut rule = json!({"name": "r", "effect": "deny", "statements": ["drop table"]});
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"slots": [{"group": "dba"}], "guardrails": [rule]})
        };
        let put = |input: Value| { let hub = &hub; async move { hub.put("/v1/resources/orders", &input).await } };
        let failed = put(rule(json!({"blocks": ["drop table x", "truncate x"]}))).await;
        assert_eq!(failed.problem(422), "guardrail_example");
        assert_eq!(failed.json()["pointer"], "/guardrails/0/blocks/1");
        let failed = put(rule(json!({"passes": ["drop table x"]}))).await;
        assert_eq!((failed.problem(422), failed.json()["pointer"].clone()), ("guardrail_example".to_owned(), json!("/guardrails/0/passes/0")));
        for wrong in [json!({"pattern": "("}), json!({"slots": [{"group": "dba"}]}), json!({"name": "no name"}), json!({"colour": "red"})] {
            assert!(matches!(put(rule(wrong.clone())).await.status, 400 | 422), "{wrong}");
        }
        // The same in a manifest, dry run or not, with its JSON pointer.
        let manifest = json!({"resources": {"orders": rule(json!({"passes": ["drop table x"]}))}});
        for call in ["/v1/apply?dry_run=true", "/v1/apply"] {
            let failed = hub.post(call, &manifest).await;
            assert_eq!(failed.problem(422), "guardrail_example");
            assert_eq!(failed.json()["pointer"], "/resources/orders/guardrails/0/passes/0");
        }
    }

    async fn likely_mistakes_in_rules_cause_warnings(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let dead = json!([
            {"name": "all", "effect": "require"},
            {"name": "never", "effect": "deny", "statements": ["drop"], "blocks": ["drop table x"]},
        ]);
        let input = json!({"slots": [{"group": "dba"}], "guardrails": dead, "escalation": [{"after_seconds": 5, "slot": "dba", "add": "ghosts"}], "reject_needed": 3});
        let plan = hub.post("/v1/apply?dry_run=true", &json!({"resources": {"orders": input}})).await.expect(200);
        let warnings = plan["warnings"].to_string();
        for part in ["rule never never decides", "group ghosts has no members", "no endpoint notifies group dba", "needs 3 rejections, but only 2"] {
            assert!(warnings.contains(part), "{part} in {warnings}");
        }
    }
}
