//! Heartbeats and reports.

use super::*;

#[tokio::test]
async fn a_long_run_sends_heartbeats_and_refused_output_is_left_out() {
    let plan =
        ExecPlan::of_command(["sh", "-c", "sleep 0.4; echo x"].map(OsString::from).to_vec(), None, None).unwrap();
    let script = Script::new([
        ("ask", Reply::Json(201, shown(&plan, "approved"))),
        ("claim", Reply::Json(200, claimed(&plan.payload))),
        ("heartbeat", Reply::Drop),
        ("heartbeat", Reply::Json(200, json!({"lease_expires_at": null}))),
        ("result", problem(413, "too_large", None)),
        ("result", Reply::Json(200, recorded(&plan, "succeeded", 0, b"x\n"))),
    ]);
    let result = exec(&script, &plan, true).await;
    assert_eq!((result.code, result.summary.reported), (0, true));
    assert!(script.calls("heartbeat").len() > 3);
    let reports = script.calls("result");
    assert_eq!(
        (reports.len(), &reports[1].body["output"], &reports[1].body["output_truncated"]),
        (2, &Value::Null, &json!(true))
    );
    assert_eq!(reports[1].body["output_digest"], json!(crate::approval::Digest::of(b"x\n")));
    for line in &result.lines {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["event"].is_string());
    }
}

#[tokio::test]
async fn a_run_is_reported_only_when_the_hub_recorded_it() {
    let (_folder, file) = file();
    let plan = command(&file);
    let as_said = || Reply::Json(200, recorded(&plan, "failed", 7, b"done\n"));
    let finished = || problem(409, "already_finished", None);
    for (result, then, reported) in [
        (as_said(), away(), true),
        (finished(), as_said(), true),
        (finished(), Reply::Json(200, recorded(&plan, "succeeded", 7, b"done\n")), false),
        (Reply::Json(200, recorded(&plan, "failed", 1, b"done\n")), away(), false),
        (Reply::Json(200, recorded(&plan, "failed", 7, b"")), away(), false),
        (Reply::Json(200, shown(&plan, "approved")), away(), false),
    ] {
        let script = Script::new([
            ("ask", Reply::Json(201, shown(&plan, "approved"))),
            ("claim", Reply::Json(200, claimed(&plan.payload))),
            ("result", result),
            ("show", then),
        ]);
        let result = exec(&script, &plan, false).await;
        assert_eq!((result.code, result.summary.reported), (7, reported), "{:?}", result.lines);
    }
}

#[tokio::test]
async fn a_hub_that_is_away_at_the_end_does_not_change_the_exit_code() {
    let (_folder, file) = file();
    let plan = command(&file);
    let script = Script::new([
        ("ask", Reply::Json(201, shown(&plan, "approved"))),
        ("claim", Reply::Json(200, claimed(&plan.payload))),
        ("result", away()),
    ]);
    let result = exec(&script, &plan, false).await;
    assert_eq!((result.code, result.summary.reported, runs(&file)), (7, false, 1));
    assert!(result.lines.last().unwrap().contains("was not reported to the hub"), "{:?}", result.lines);
}
