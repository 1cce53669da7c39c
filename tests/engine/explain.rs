//! Evaluate, explain, and bulk decisions.

use serde_json::{Value, json};

use super::path;
use crate::support::{Database, Receiver, TestHub, on_both};

on_both! {
    async fn evaluate_predicts_the_outcome_and_creates_nothing(database: Database) {
        let rules = json!([
            {"name": "no-drop", "effect": "deny", "statements": ["drop"]},
            {"name": "reads", "effect": "allow", "statements": ["select"]},
        ]);
        let hub = TestHub::start(database).await.with_orders(json!({"guardrails": rules, "requester_groups": ["dev"], "exempt_groups": ["oncall"]})).await;
        hub.group("dev", &["nora", "olga"]).await;
        hub.group("oncall", &["olga"]).await;
        let evaluate = |who: &str, command: &str| {
            let ask = json!({"resource": "orders", "command": command, "language": "sql", "requester": {"email": format!("{who}@example.com")}});
            let hub = &hub;
            async move { hub.post("/v1/evaluate", &ask).await.expect(200) }
        };
        for (who, command, outcome, rule, group) in [
            ("mary", "select 1", "not_visible", json!(null), json!(null)),
            ("nora", "select 1", "direct", json!("reads"), json!(null)),
            ("olga", "delete from x", "direct", json!(null), json!("oncall")),
            ("olga", "drop table x", "denied", json!("no-drop"), json!(null)),
            ("nora", "delete from x", "needs_approval", json!(null), json!(null)),
        ] {
            let answer = evaluate(who, command).await;
            assert_eq!((&answer["outcome"], &answer["rule"], &answer["exempt_group"]), (&json!(outcome), &rule, &group), "{who} {command}");
        }
        let people = &evaluate("nora", "delete from x").await["slots"][0]["people"];
        assert_eq!(people[0], json!({
            "email": "dana@example.com", "name": "Dana Reyes", "can_decide": true, "why_not": null, "away": false, "away_until": null, "delegate": null,
        }));
        assert_eq!(hub.get("/v1/requests").await.expect(200)["items"], json!([]));
    }

    async fn many_evaluations_at_once_do_not_wait_for_each_other(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({})).await;
        let ask = json!({"resource": "unknown", "command": "x", "requester": {"email": "nora@example.com"}});
        let answers = (0..32).map(|_| hub.post("/v1/evaluate", &ask));
        for answer in futures_util::future::join_all(answers).await {
            assert_eq!(answer.problem(404), "not_found");
        }
        // A resource that did not exist is found as soon as it is created.
        let resource = hub.get("/v1/resources/orders").await.expect(200);
        hub.put("/v1/resources/unknown", &json!({"slots": resource["slots"]})).await.expect(200);
        hub.post("/v1/evaluate", &ask).await.expect(200);
    }

    async fn explain_shows_who_can_decide_who_was_notified_and_what_is_missing(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"slots": [{"group": "dba", "needed": 2}]})).await;
        hub.group("dba", &["dana", "erik", "nora"]).await;
        let away = json!({"name": "Erik", "absence": {"until": "2026-12-01T00:00:00Z", "delegate": "sub@example.com"}});
        hub.put("/v1/people/erik@example.com", &away).await.expect(200);
        let receiver = Receiver::start().await;
        let (endpoint, _) = hub.endpoint("chat", "custom", &receiver.url, &["dba"]).await;
        let request = hub.ask_with(json!({})).await.expect(201);
        hub.delivery(&endpoint, "request.created", "delivered").await;
        hub.vote(&request, "approve", "dana@example.com").await.expect(200);
        let answer = hub.get(&path(&request, "/explain")).await.expect(200);
        assert_eq!(answer["missing"], "waits for approvals: 1 of group dba");
        let person = |index: usize| (answer["slots"][0]["people"][index]["can_decide"].clone(), answer["slots"][0]["people"][index]["why_not"].clone());
        assert_eq!(person(0), (json!(false), json!("voted")));
        assert_eq!(person(1), (json!(true), json!(null)));
        assert_eq!(person(2), (json!(false), json!("requester")));
        assert_eq!(answer["slots"][0]["people"][1]["delegate"], "sub@example.com");
        let notified = answer["told"].as_array().unwrap();
        assert!(notified.iter().any(|notified| notified["endpoint"] == "chat" && notified["event"] == "request.created" && notified["state"] == "delivered"), "{notified:?}");
        hub.vote(&request, "approve", "erik@example.com").await.expect(200);
        let answer = hub.get(&path(&request, "/explain")).await.expect(200);
        assert_eq!(answer["missing"], "nothing: it was approved by dana@example.com, erik@example.com");
        let stranger = hub.token("approver", Some("stranger")).await;
        assert_eq!(hub.get_as(&stranger, &path(&request, "/explain")).await.problem(404), "not_found");
    }

    async fn many_are_rejected_at_once_with_a_reason(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let mut asked = Vec::new();
        for command in ["a", "b"] {
            asked.push(hub.ask("orders", command).await);
        }
        let other = hub.ask("customers", "c").await;
        let dana = hub.token("approver", Some("dana")).await;
        let sam = hub.token("approver", Some("sam")).await;
        let reject = |more: Value| {
            let mut input = json!({"filter": {"resource": "orders"}, "reason": "freeze"});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        let bulk = "/v1/requests/bulk-reject";
        assert_eq!(hub.post_as(&dana, bulk, &reject(json!({"reason": " "}))).await.problem(422), "reason_required");
        assert_eq!(hub.post_as(&dana, bulk, &reject(json!({"reason": "\u{200b}"}))).await.problem(422), "reason_required");
        let group = json!({"dry_run": true, "filter": {"group": "dba"}});
        assert_eq!(hub.post_as(&sam, bulk, &reject(group)).await.expect(200)["items"].as_array().unwrap().len(), 1, "of customers, where sam is a member");
        let dry = hub.post_as(&dana, bulk, &reject(json!({"dry_run": true}))).await.expect(200);
        assert_eq!(dry["items"].as_array().unwrap().len(), 2);
        assert_eq!(hub.show(&asked[0]).await["status"], "pending");
        assert_eq!(hub.post_as(&sam, bulk, &reject(json!({}))).await.expect(200)["items"], json!([]), "sam decides none of them");
        let done = hub.post_as(&dana, bulk, &reject(json!({}))).await.expect(200);
        assert_eq!(done["items"].as_array().unwrap().iter().filter(|item| item["status"] == "rejected").count(), 2);
        for request in &asked {
            assert_eq!(hub.show(request).await["decision"]["reason"], "freeze");
        }
        assert_eq!(hub.show(&other).await["status"], "pending");
        let requester = hub.token("requester", None).await;
        assert_eq!(hub.post_as(&requester, bulk, &reject(json!({}))).await.problem(403), "forbidden");
    }

    async fn a_few_are_approved_at_once_each_with_its_digest(database: Database) {
        let hub = TestHub::start(database).await.with_orders(json!({"high_risk": true})).await;
        hub.put("/v1/resources/plain", &json!({"slots": [{"group": "dba"}]})).await.expect(200);
        let (risky, fine, stale) = (hub.ask("orders", "a").await, hub.ask("plain", "b").await, hub.ask("plain", "c").await);
        let dana = hub.token("approver", Some("dana")).await;
        let seen = |request: &Value| json!({"id": request["id"], "digest": request["digest"]});
        let wrong = json!({"id": stale["id"], "digest": "0".repeat(64)});
        let input = json!({"requests": [seen(&risky), seen(&fine), wrong], "reason": "looked at"});
        let done = hub.post_as(&dana, "/v1/requests/bulk-approve", &input).await.expect(200);
        let results: Vec<_> = done["items"].as_array().unwrap().iter().map(|item| (item["status"].clone(), item["problem"]["code"].clone())).collect();
        assert_eq!(results, [(json!(null), json!("high_risk")), (json!("approved"), json!(null)), (json!(null), json!("digest_stale"))]);
        let many: Vec<Value> = (0..51).map(|_| seen(&fine)).collect();
        assert_eq!(hub.post_as(&dana, "/v1/requests/bulk-approve", &json!({"requests": many})).await.problem(422), "too_many");
    }
}

/// The number of commits in a write-ahead log (SQLite's file format, "The WAL File Format"): a frame that gives the
/// size of the database after it ends a transaction.
fn commits(url: &str) -> usize {
    let wal = std::fs::read(format!("{}-wal", url.trim_start_matches("sqlite://"))).expect("a log");
    let word = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().expect("four bytes"));
    let (page, salts) = (word(8) as usize, &wal[16..24]);
    let frames = (32..wal.len()).step_by(24 + page).take_while(|at| wal.get(at + 8..at + 16) == Some(salts));
    frames.filter(|at| word(at + 4) > 0).count()
}

#[tokio::test]
async fn rejects_in_bulk_share_commits() {
    let hub = TestHub::start(Database::sqlite()).await.with_policy().await;
    for number in 0..32 {
        hub.ask("orders", &number.to_string()).await;
    }
    let dana = hub.token("approver", Some("dana")).await;
    let before = commits(&hub.database.url);
    let input = json!({"filter": {"resource": "orders"}, "reason": "freeze"});
    let done = hub.post_as(&dana, "/v1/requests/bulk-reject", &input).await.expect(200);
    assert!(done["items"].as_array().unwrap().iter().all(|item| item["status"] == "rejected"));
    let needed = commits(&hub.database.url) - before;
    assert!((1..16).contains(&needed), "{needed} commits for 32 rejects");
}
