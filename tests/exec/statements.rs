//! A statement runs exactly once when it is approved, and not at all otherwise.

use serde_json::json;

use super::{Bench, Running};
use crate::engine::path;
use crate::support::{Database, on_both};

const NOTE: &str = "insert into ran values ('one') returning 'noted ' || note";

on_both! {
    async fn an_approved_statement_runs_once(database: Database) {
        let bench = Bench::new(database).await;
        let running = bench.exec_sql(&["--reason", "Old carts", "--label", "team=shop", "--context", r#"{"ticket":7}"#], NOTE);
        let (request, links) = bench.asked(1).await;
        assert_eq!((&request["language"], &request["context"]), (&json!("argv"), &json!({"ticket": 7})));
        assert_eq!((&request["reason"], &request["labels"]), (&json!("Old carts"), &json!({"team": "shop"})));
        assert!(bench.target.notes().await.is_empty(), "nothing runs before the decision");
        bench.follow(&links, "approve", json!({"reason": "Row count checked"})).await.expect(200);
        let end = running.end().await;
        for part in [request["url"].as_str().unwrap(), "1 of dba: Dana Reyes <dana@example.com>", "approved by dana@example.com: Row count"] {
            assert!(end.err.contains(part), "{part} is not in {}", end.err);
        }
        assert!(end.expect(0).starts_with("noted one\n"));
        assert_eq!(bench.target.notes().await, ["one"]);
        let execution = bench.hub.show(&request).await["execution"].clone();
        assert_eq!((&execution["status"], &execution["exit_code"]), (&json!("succeeded"), &json!(0)));
        assert_eq!(execution["output"], "noted one\nINSERT 0 1\n");
        let trail = bench.hub.get(&path(&request, "/audit")).await.expect(200);
        let last = trail["items"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["action"], &last["details"]["to"]), (&json!("execution.finished"), &json!("succeeded")));
        assert_eq!(last["details"]["output_digest"], execution["output_digest"]);
    }

    async fn a_failing_statement_has_its_own_exit_code(database: Database) {
        let bench = Bench::new(database).await;
        let running = bench.exec_sql(&[], "insert into nowhere values (1)");
        let (request, links) = bench.asked(1).await;
        bench.follow(&links, "approve", json!({})).await.expect(200);
        let end = running.end().await;
        assert!(end.code == 1 && end.err.contains("relation \"nowhere\" does not exist"), "{} {}", end.code, end.err);
        let execution = bench.hub.show(&request).await["execution"].clone();
        assert_eq!((&execution["status"], &execution["exit_code"]), (&json!("failed"), &json!(1)));
    }

    async fn a_changed_statement_runs_instead(database: Database) {
        let bench = Bench::new(database).await;
        let running = bench.exec_sql(&[], NOTE);
        let (request, links) = bench.asked(1).await;
        let changed = request["command"].as_str().unwrap().replace("one", "two");
        assert_ne!(request["command"], changed.as_str());
        bench.follow(&links, "approve", json!({"command": changed, "reason": "two is enough"})).await.expect(200);
        let end = running.end().await;
        let (progress, _) = end.err.split_once("running it").unwrap();
        for part in ["changed by dana@example.com (approver)", "\n    -psql ", "\n    +psql ", "the approved command, which will be run:"] {
            assert!(progress.contains(part), "{part} is not in {progress}");
        }
        assert!(end.expect(0).starts_with("noted two\n"));
        assert_eq!(bench.target.notes().await, ["two"]);
        assert_eq!(bench.hub.show(&request).await["modified_by"], "dana@example.com");
    }

    async fn a_script_is_approved_as_it_is_and_read_by_the_command(database: Database) {
        let bench = Bench::new(database).await;
        let script = "insert into ran values ('a');\n-- $HOME `id`\ninsert into ran values ('it''s');\n";
        let ask = |script| {
            let base = ["exec", "--resource", "orders", "--requester", "nora@example.com", "--language", "sql", "--stdin", "--"];
            Running::start(bench.program(&[&base[..], &bench.target.psql(&["-q"])].concat()), Some(script))
        };
        let running = ask(script);
        let (request, links) = bench.asked(1).await;
        assert_eq!((&request["command"], &request["language"]), (&json!(script), &json!("sql")));
        assert_eq!(request["context"]["argv"][0], "psql");
        bench.follow(&links, "approve", json!({})).await.expect(200);
        running.end().await.expect(0);
        assert_eq!(bench.target.notes().await, ["a", "it's"]);
        // The script may be changed, the command that reads it stays the same.
        let running = ask("insert into ran values ('never');");
        let (_, links) = bench.asked(2).await;
        bench.follow(&links, "approve", json!({"command": "insert into ran values ('z');"})).await.expect(200);
        running.end().await.expect(0);
        assert_eq!(bench.target.notes().await, ["a", "it's", "z"]);
    }

    async fn nothing_runs_after_any_other_end(database: Database) {
        let bench = Bench::new(database).await;
        let rejected = bench.exec_sql(&[], NOTE);
        let (_, links) = bench.asked(1).await;
        bench.follow(&links, "reject", json!({"reason": "not today"})).await.expect(200);
        let end = rejected.end().await;
        assert!(end.err.contains("rejected by dana@example.com: not today"), "{}", end.err);
        end.expect(120);

        let cancelled = bench.exec_sql(&[], NOTE);
        let (request, _) = bench.asked(2).await;
        bench.hub.post(&path(&request, "/cancel"), &json!({})).await.expect(200);
        cancelled.end().await.expect(122);

        let expired = bench.exec_sql(&["--timeout", "90"], NOTE);
        bench.asked(3).await;
        bench.hub.after(90).await;
        expired.end().await.expect(121);
        assert!(bench.target.notes().await.is_empty());
    }

    async fn a_rule_decides_at_once(database: Database) {
        let bench = Bench::new(database).await;
        let group = json!({"slots": [{"group": "dba"}], "exempt_groups": ["robots"]});
        bench.hub.group("robots", &["nora"]).await;
        bench.hub.put("/v1/resources/orders", &group).await.expect(200);
        let end = bench.exec_sql(&[], NOTE).end().await;
        assert!(end.err.contains("(exempt)"), "{}", end.err);
        end.expect(0);
        assert_eq!(bench.target.notes().await, ["one"]);
    }
}
