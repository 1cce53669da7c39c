//! Claiming and running.

use super::*;

#[tokio::test]
async fn every_call_is_retried_and_the_command_runs_once() {
    let (_folder, file) = file();
    let plan = command(&file);
    let script = Script::new([
        ("ask", away()),
        ("ask", Reply::Drop),
        ("ask", Reply::Json(201, shown(&plan, "pending"))),
        ("show", Reply::Drop),
        ("show", away()),
        ("show", Reply::Json(200, shown(&plan, "pending"))),
        ("show", Reply::Json(200, shown(&plan, "approved"))),
        ("claim", Reply::Drop),
        ("claim", away()),
        ("claim", Reply::Json(200, claimed(&plan.payload))),
        ("result", Reply::Drop),
        ("result", Reply::Json(200, recorded(&plan, "failed", 7, b"done\n"))),
    ]);
    let result = exec(&script, &plan, false).await;
    assert_eq!((result.code, runs(&file)), (7, 1), "{}", result.error);
    assert!(result.summary.ran && result.summary.reported);
    for call in ["ask", "claim"] {
        let seen = script.calls(call);
        assert_eq!(seen.len(), 3, "{call}");
        assert!(seen[0].key.is_some() && seen.iter().all(|again| again.key == seen[0].key), "one key for {call}");
    }
    let digest = crate::approval::Digest::of(b"done\n");
    let report = json!({
        "fence": 1, "status": "failed", "exit_code": 7, "output": "done\n", "output_digest": digest, "output_truncated": false,
    });
    assert_eq!(script.calls("result")[1].body, report);
    assert_eq!(result.lines.iter().filter(|line| line.ends_with("the hub is available again")).count(), 4);
}

#[tokio::test]
async fn nothing_runs_unless_the_claim_has_the_approved_digest() {
    let (_folder, file) = file();
    let plan = command(&file);
    let other = Payload { command: format!("touch {}", file.display()), ..plan.payload.clone() };
    let mut forged = claimed(&other);
    forged["digest"] = json!(plan.payload.digest().unwrap());
    for (claim, reported) in [
        (Reply::Json(200, forged), 1),
        (Reply::Json(200, claimed(&other)), 1),
        (Reply::Json(200, json!({"fence": 1})), 0),
        (Reply::Json(200, Value::Null), 0),
        (Reply::Text("<html>welcome</html>"), 0),
        (Reply::Drop, 0),
        (problem(412, "digest_stale", None), 0),
        (problem(409, "already_claimed", None), 0),
    ] {
        let script = Script::new([
            ("ask", Reply::Json(201, shown(&plan, "approved"))),
            ("claim", claim),
            ("result", Reply::Json(200, shown(&plan, "approved"))),
        ]);
        let result = exec(&script, &plan, false).await;
        assert_eq!((result.code, result.summary.ran, runs(&file)), (123, false, 0), "{}", result.error);
        let reports = script.calls("result");
        assert_eq!(reports.len(), reported, "{}", result.error);
        assert!(reports.iter().all(|report| report.body["status"] == "failed"));
    }
}

#[tokio::test]
async fn a_changed_command_is_shown_and_run() {
    let (_folder, file) = file();
    let (asked, changed) = (ExecPlan::of_command(vec!["false".into()], None, None).unwrap(), command(&file));
    let mut approved = shown(&changed, "approved");
    approved["revision"] = json!(2);
    approved["modified_by"] = json!("dana@example.com");
    approved["change"] =
        json!({"by": "dana@example.com", "role": "approver", "reason": null, "diff": "-false\n+sh -c …"});
    let script = Script::new([
        ("ask", Reply::Json(201, shown(&asked, "pending"))),
        ("show", Reply::Json(200, approved)),
        ("claim", Reply::Json(200, claimed(&changed.payload))),
        ("result", Reply::Json(200, json!({}))),
    ]);
    let result = exec(&script, &asked, false).await;
    assert_eq!((result.code, runs(&file)), (7, 1), "{}", result.error);
    let lines = result.lines.join("\n");
    let (before, _) = lines.split_once("countersign: running it").unwrap();
    assert!(before.contains("changed by dana@example.com (approver)\n    -false\n    +sh -c …\n"), "{before}");
    assert_eq!(script.calls("claim")[0].body["digest"], json!(changed.payload.digest().unwrap()));
}

#[tokio::test]
async fn an_invalid_command_is_not_run_and_is_reported() {
    for (command, code) in [("echo 'open", 126), ("# a comment", 126), ("/nowhere/at-all x", 127)] {
        let mut plan = ExecPlan::of_command(vec!["true".into()], None, None).unwrap();
        let asked = ExecPlan::of_command(vec!["true".into()], None, None).unwrap();
        plan.payload.command = command.to_owned();
        let mut approved = shown(&plan, "approved");
        approved["revision"] = json!(2);
        let script = Script::new([
            ("ask", Reply::Json(201, shown(&asked, "pending"))),
            ("show", Reply::Json(200, approved)),
            ("claim", Reply::Json(200, claimed(&plan.payload))),
            ("result", Reply::Json(200, json!({}))),
        ]);
        let result = exec(&script, &asked, false).await;
        assert_eq!((result.code, result.summary.ran), (code, false), "{command}");
        assert_eq!(script.calls("result")[0].body["exit_code"], code);
    }
}
