//! `countersign endpoint …`: the program against a running hub.

use serde_json::Value;

use crate::support::{Behaviour, Database, HubProcess, Receiver, TestHub, on_both};

impl TestHub {
    /// Runs `countersign endpoint` to its end; returns its standard output and standard error.
    async fn run(&self, args: &[&str], code: i32) -> (String, String) {
        let mut program = HubProcess::command(self.database.folder.path());
        program.arg("endpoint").args(args).env("COUNTERSIGN_URL", &self.url).env("COUNTERSIGN_TOKEN", &self.token);
        let output = program.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
        (out, err)
    }

    async fn run_json(&self, args: &[&str], code: i32) -> Value {
        let (text, _) = self.run(&[args, &["--json"]].concat(), code).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

on_both! {
    async fn from_a_failure_to_its_replay(database: Database) {
        let hub = TestHub::start(database).await.with_policy().await;
        let receiver = Receiver::start().await;
        let (id, secret) = hub.endpoint("ops", "custom", &receiver.url, &["dba"]).await;
        let (list, _) = hub.run(&["list"], 0).await;
        assert!(list.starts_with(&format!("{id}  active    custom  ops")), "{list}");
        assert_eq!(hub.run_json(&["show", "ops"], 0).await["id"], id.as_str());
        assert_eq!(hub.run_json(&["show", &id], 0).await["name"], "ops");
        let (_, error) = hub.run(&["show", "nobody"], 1).await;
        assert!(error.contains("there is no endpoint \"nobody\""), "{error}");

        receiver.script([404, 404, 404].map(Behaviour::Status));
        let (out, _) = hub.run(&["test", "ops", "--event", "request.approved"], 1).await;
        assert!(out.starts_with("not delivered (permanent) after") && out.contains("  answered 404\n  content-length: 2\n\n    ok\n"), "{out}");
        for part in ["  POST http://127.0.0.1:", "  content-type: application/json\n", "  user-agent: countersign/", "\n\n    {\"type\":\"request.approved\""] {
            assert!(out.contains(part), "{part:?} in {out}");
        }
        hub.ask("orders", "x").await;
        hub.delivery(&id, "request.created", "failed").await;
        let failed = hub.run_json(&["deliveries", "ops", "--state", "failed", "--all"], 0).await;
        let delivery = failed["items"][0]["id"].as_str().unwrap();
        let (out, _) = hub.run(&["retry", delivery], 0).await;
        assert!(out.starts_with(delivery) && out.contains("pending"), "{out}");
        receiver.wait_for(3).await;
        hub.delivery(&id, "request.created", "failed").await;
        assert_eq!(hub.run(&["replay", "ops", "--dry-run"], 0).await.0, "1 deliveries match; nothing was sent\n");
        let past = ["replay", "ops", "--to", "2020-01-01T00:00:00Z", "--state", "failed", "--dry-run"];
        assert_eq!(hub.run_json(&past, 0).await["matched"], 0);
        let (out, progress) = hub.run(&["replay", "ops", "--event", "request.created", "--rate", "10", "--wait"], 0).await;
        assert!(out.contains("finished, 1 of 1 deliveries queued again"), "{out}{progress}");
        hub.delivery(&id, "request.created", "delivered").await;
        let (attempts, _) = hub.run(&["attempts", "ops"], 0).await;
        let classes: Vec<&str> = attempts.lines().map(|line| line.split_whitespace().nth(5).unwrap()).collect();
        assert_eq!(classes, ["success", "permanent", "permanent"], "{attempts}");
        let found = hub.run_json(&["attempts", "ops", "--status", "404", "--class", "permanent"], 0).await;
        assert_eq!(found["items"].as_array().unwrap().len(), 2);

        let (out, _) = hub.run(&["pause", "ops"], 0).await;
        assert!(out.starts_with("ops: paused\n"), "{out}");
        assert_eq!(hub.run_json(&["resume", "ops"], 0).await["paused_at"], Value::Null);
        let (out, _) = hub.run(&["rotate-secret", "ops", "--overlap", "60"], 0).await;
        assert!(out.contains("signing secret, shown only once: whsec_") && !out.contains(&secret), "{out}");
        assert_eq!(hub.run_json(&["test", "ops"], 0).await["delivered"], true);
    }
}

#[tokio::test]
async fn a_busy_hub_is_not_reported_as_unreachable() {
    let (busy, folder) = (Receiver::start().await, tempfile::tempdir().unwrap());
    let id = "ep_00000000000000000000000000000000";
    for (status, body, out) in [
        (429, r#"{"code": "busy", "detail": "4 tests are under way"}"#, "4 tests are under way [busy]"),
        (503, r#"{"code": "storage_unavailable", "detail": "try again"}"#, "try again [storage_unavailable]"),
        (502, "bad gateway", "the answer was 502"),
    ] {
        let length = body.len();
        busy.script([Behaviour::Raw(format!("HTTP/1.1 {status} No\r\ncontent-length: {length}\r\n\r\n{body}"))]);
        let mut program = HubProcess::command(folder.path());
        program.args(["endpoint", "test", id]).env("COUNTERSIGN_TOKEN", "cs_x");
        let output = program.env("COUNTERSIGN_URL", busy.url.trim_end_matches("/hook")).output().await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error, format!("countersign: the hub cannot do this now: {out}\n"));
    }
}
