//! Asking, waiting and cancelling.

use super::*;

#[tokio::test]
async fn a_request_approved_during_cancellation_is_revoked() {
    let (_folder, file) = file();
    let plan = command(&file);
    let script = Script::new([
        ("cancel", problem(409, "already_decided", Some("approved"))),
        ("revoke", Reply::Json(200, shown(&plan, "approved"))),
    ]);
    let (hub, server) = hub(&script).await;
    let (progress, _news) = recording(false);
    let mut summary = RunSummary::default();
    let mut run = Run { hub: &hub, progress: &progress, summary: &mut summary, signals: Signals::listen().unwrap() };
    let stopped = run.cancel(&Shown::read(shown(&plan, "pending"), None).unwrap()).await;
    server.abort();
    assert_eq!((stopped.code(), script.calls("revoke").len()), (122, 1), "{stopped}");
}

#[tokio::test]
async fn nothing_runs_for_a_hub_that_returns_invalid_answers() {
    let (_folder, file) = file();
    let plan = command(&file);
    let pending = || ("ask", Reply::Json(201, shown(&plan, "pending")));
    let other = ExecPlan::of_command(vec!["true".into()], None, None).unwrap();
    let mut stranger = shown(&plan, "approved");
    stranger["id"] = json!("req_00000000000000000000000000000000");
    let mut forged = shown(&plan, "approved");
    forged["command"] = json!("true");
    let mut unknown = shown(&plan, "pending");
    unknown["status"] = json!("maybe");
    for replies in [
        vec![("ask", Reply::Text("it works!"))],
        vec![("ask", Reply::Json(200, json!([])))],
        vec![("ask", Reply::Json(201, shown(&other, "approved")))],
        vec![("ask", Reply::Drop)],
        vec![("ask", problem(401, "unauthenticated", None))],
        vec![("ask", Reply::Json(302, Value::Null))],
        vec![pending(), ("show", Reply::Text("it works!"))],
        vec![pending(), ("show", Reply::Json(200, stranger))],
        vec![pending(), ("show", Reply::Json(200, forged))],
        vec![pending(), ("show", Reply::Json(200, unknown))],
    ] {
        let script = Script::new(replies);
        let result = exec(&script, &plan, false).await;
        assert_eq!((result.code, result.summary.ran, runs(&file)), (123, false, 0), "{}", result.error);
        assert!(script.calls("claim").is_empty());
    }
}

#[tokio::test]
async fn other_outcomes_have_their_exit_codes() {
    let (_folder, file) = file();
    let plan = command(&file);
    for (status, code) in [("rejected", 120), ("expired", 121), ("cancelled", 122), ("superseded", 122)] {
        let script = Script::new([
            ("ask", Reply::Json(201, shown(&plan, "pending"))),
            ("show", Reply::Json(200, shown(&plan, status))),
        ]);
        let result = exec(&script, &plan, false).await;
        assert_eq!((result.code, runs(&file), script.calls("claim").len()), (code, 0, 0), "{}", result.error);
    }
    for (refusal, code) in [(problem(409, "execution_revoked", None), 122), (problem(410, "use_expired", None), 122)] {
        let script = Script::new([("ask", Reply::Json(201, shown(&plan, "approved"))), ("claim", refusal)]);
        assert_eq!((exec(&script, &plan, false).await.code, runs(&file)), (code, 0));
    }
    let script = Script::new([("ask", problem(422, "denied_by_rule", None))]);
    assert_eq!((exec(&script, &plan, false).await.code, runs(&file)), (120, 0));
}

#[tokio::test]
async fn an_absent_hub_is_given_up_after_the_deadline() {
    let (_folder, file) = file();
    let plan = command(&file);
    let mut pending = shown(&plan, "pending");
    pending["expires_at"] = "2026-11-21T22:00:01Z".into();
    let script = Script::new([("ask", Reply::Json(201, pending)), ("show", away())]);
    let begun = tokio::time::Instant::now();
    let result = exec(&script, &plan, false).await;
    // Not before the deadline, a second away: the hub could still return in time.
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((result.code, runs(&file)), (123, 0), "{}", result.error);
    assert!(script.calls("show").len() > 2);
}
