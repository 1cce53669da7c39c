//! The commands `request`, `approve`, `reject` and `explain`.

use serde_json::{Value, json};

use super::{Bench, Running};
use crate::engine::path;
use crate::support::{Database, assert_times, on_both};

impl Bench {
    /// Runs the program to its end; returns its standard output.
    async fn run(&self, args: &[&str], code: i32) -> String {
        Running::start(self.program(args), None).end().await.expect(code)
    }

    async fn run_json(&self, args: &[&str], code: i32) -> Value {
        let text = self.run(&[args, &["--json"]].concat(), code).await;
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_times(&json);
        json
    }

    /// Makes a request; returns its id.
    async fn create(&self, more: &[&str]) -> String {
        let base = ["request", "create", "--resource", "orders", "--requester", "nora@example.com"];
        self.run_json(&[&base[..], more].concat(), 0).await["id"].as_str().unwrap().to_owned()
    }
}

on_both! {
    async fn from_the_request_to_the_decision(database: Database) {
        let bench = Bench::new(database).await;
        let id = bench.create(&["--command", "delete from carts", "--language", "sql", "--label", "a=b", "--reason", "Old \u{1b}[31m"]).await;
        let dana = bench.hub.token("approver", Some("dana")).await;
        let mut mine = bench.program(&["request", "list", "--waiting-for", "me"]);
        mine.env("COUNTERSIGN_TOKEN", &dana);
        let list = Running::start(mine, None).end().await.expect(0);
        assert!(list.contains(&id) && list.contains("delete from carts"), "{list}");
        let explained = bench.run(&["explain", &id], 0).await;
        assert!(explained.contains("dba: has 0 of 1\n    Dana Reyes <dana@example.com> can decide"), "{explained}");
        let shown = bench.run(&["request", "show", &id], 0).await;
        assert!(shown.contains("pending until") && shown.contains("Old ⟨U+001B⟩[31m"), "{shown}");

        let waiting = Running::start(bench.program(&["request", "wait", &id]), None);
        let stale = ["approve", &id, "--on-behalf-of", "dana@example.com", "--digest", &"0".repeat(64)];
        let stale = Running::start(bench.program(&stale), None).end().await;
        assert!(stale.err.contains("[digest_stale]"), "{}", stale.err);
        stale.expect(1);
        let changed = ["approve", &id, "--on-behalf-of", "dana@example.com", "--group", "dba", "--command", "delete from carts where old"];
        let out = bench.run(&changed, 0).await;
        assert!(out.contains("approved by dana@example.com") && out.contains("+delete from carts where old"), "{out}");
        assert!(waiting.end().await.expect(0).contains("approved by dana@example.com"));
        let shown = bench.run(&["request", "show", &id], 0).await;
        for part in ["changed by  dana@example.com (approver)", "    +delete from carts where old", "use         ready"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        assert_eq!(bench.run_json(&["request", "show", &id], 0).await["status"], "approved");
        assert_eq!(bench.run_json(&["explain", &id], 0).await["status"], "approved");
        assert!(bench.run(&["request", "list", "--waiting-for", "dana@example.com"], 0).await.contains("none"));
    }

    async fn wait_reports_how_the_request_ended(database: Database) {
        let bench = Bench::new(database).await;
        let rejected = bench.create(&["--command", "a"]).await;
        let reject = ["reject", &rejected, "--on-behalf-of", "erik@example.com", "--reason", "no"];
        let cast = Running::start(bench.program(&reject), None).end().await;
        assert!(cast.err.contains("your vote is for this:") && cast.err.contains("digest"), "{}", cast.err);
        cast.expect(0);
        assert!(bench.run(&["request", "wait", &rejected], 120).await.contains("rejected by erik@example.com: no"));
        let cancelled = bench.create(&["--command", "b"]).await;
        let waiting = Running::start(bench.program(&["request", "wait", &cancelled, "--json"]), None);
        bench.run(&["request", "cancel", &cancelled, "--reason", "not needed"], 0).await;
        let end = waiting.end().await;
        assert!(end.progress().iter().all(|line| line["event"] == "asked"));
        let answer: Value = serde_json::from_str(&end.expect(122)).unwrap();
        assert_eq!(answer["decision"]["reason"], "not needed");
        let expired = bench.create(&["--command", "c", "--timeout", "60"]).await;
        bench.hub.after(60).await;
        bench.run(&["request", "wait", &expired], 121).await;
        bench.run(&["request", "wait", "req_00000000000000000000000000000000"], 123).await;
        bench.run(&["request", "show", "req_00000000000000000000000000000000"], 1).await;
        bench.run(&["request", "show", "nonsense"], 2).await;

        let all = bench.run_json(&["request", "list", "--all", "--limit", "1"], 0).await;
        assert_eq!((all["items"].as_array().unwrap().len(), &all["next_cursor"]), (3, &Value::Null));
        let filtered = ["request", "list", "--status", "rejected", "--resource", "orders", "--requester", "nora@example.com",
            "--group", "dba", "--kind", "action", "--from", "2026-11-21T00:00:00Z", "--to", "2026-11-22T00:00:00Z"];
        let found = bench.run_json(&filtered, 0).await;
        assert_eq!((found["items"].as_array().unwrap().len(), found["items"][0]["id"].as_str()), (1, Some(rejected.as_str())));
        let first = bench.run(&["request", "list", "--limit", "1"], 0).await;
        assert!(first.contains(&expired) && first.contains("there are more: use --all, or --cursor"), "{first}");
    }

    async fn access_for_a_time(database: Database) {
        let bench = Bench::new(database).await;
        let id = bench.create(&["--duration", "3600"]).await;
        bench.run(&["approve", &id, "--on-behalf-of", "dana@example.com", "--duration", "600"], 0).await;
        let shown = bench.run(&["request", "show", &id], 0).await;
        assert!(shown.contains("access      active for nora@example.com from 2026-11-21T12:00:00.000000Z until 2026-11-21T12:10:00.000000Z"), "{shown}");
        let request = bench.hub.get(&path(&json!({"id": id}), "")).await.expect(200);
        assert_eq!(request["kind"], "jit");
        bench.run(&["request", "create", "--resource", "orders"], 2).await;
    }
}
