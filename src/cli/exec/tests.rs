//! Against a hub that answers as it is told: late, wrongly, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;
use crate::approval::Payload;
use crate::cli::connection::Pace;
use crate::cli::progress::tests::kept;
use crate::cli::request::{Wish, body};
use crate::cli::shown::tests::sample;

/// What to do with a call.
#[derive(Clone)]
enum Reply {
    Json(u16, Value),
    Text(&'static str),
    Drop,
}

/// A call, as it came.
#[derive(Debug, Clone)]
struct Seen {
    call: String,
    key: Option<String>,
    body: Value,
}

/// A hub that goes by its script; the last line of each call's is for all that follow.
#[derive(Default)]
struct Script {
    replies: Mutex<BTreeMap<&'static str, VecDeque<Reply>>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    fn new(replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Arc<Self> {
        let script = Self::default();
        for (call, reply) in replies {
            script.replies.lock().unwrap().entry(call).or_default().push_back(reply);
        }
        Arc::new(script)
    }

    fn calls(&self, call: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.call == call).cloned().collect()
    }

    fn answer(&self, call: &str) -> Response {
        let mut replies = self.replies.lock().unwrap();
        let reply = replies.get_mut(call).and_then(|queue| match queue.len() {
            0 | 1 => queue.front().cloned(),
            _ => queue.pop_front(),
        });
        reply.unwrap_or_else(|| problem(404, "not_found", None)).into_response()
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Json(status, body) => (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response(),
            Self::Text(text) => text.into_response(),
            // The head, and then the end of the connection.
            Self::Drop => {
                let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("cut"))]);
                ([(header::CONTENT_LENGTH, "9")], Body::from_stream(broken)).into_response()
            }
        }
    }
}

fn problem(status: u16, code: &str, outcome: Option<&str>) -> Reply {
    Reply::Json(status, json!({"status": status, "code": code, "detail": "no", "outcome": outcome}))
}

async fn serve(State(script): State<Arc<Script>>, request: Request) -> Response {
    let call = match request.uri().path().trim_start_matches("/v1/requests").rsplit('/').next() {
        Some("") | None => "ask",
        Some(id) if id.starts_with("req_") => "show",
        Some(action) => action,
    };
    let call = call.to_owned();
    let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    script.seen.lock().unwrap().push(Seen { call: call.clone(), key, body });
    script.answer(&call)
}

const PACE: Pace = Pace {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(5),
    answer: Duration::from_secs(5),
    hold: 1,
    asking: Duration::from_millis(200),
    grace: Duration::from_millis(200),
    reporting: Duration::from_millis(300),
    parting: Duration::from_millis(100),
    beat: Duration::from_millis(20),
};

/// What came of a run.
struct Outcome {
    code: u8,
    why: String,
    news: Vec<String>,
    story: Story,
}

async fn hub(script: &Arc<Script>) -> (Connection, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(Arc::clone(script));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    (Connection::new(url.parse().unwrap(), "cs_test".to_owned().into(), PACE).unwrap(), server)
}

async fn exec(script: &Arc<Script>, plan: &Plan, json: bool) -> Outcome {
    let (hub, server) = hub(script).await;
    let (progress, news) = kept(json);
    let mut story = Story::default();
    let run = Run { hub: &hub, progress: &progress, story: &mut story, signals: Signals::listen().unwrap() };
    let wish = Wish {
        resource: &"orders-db".parse().unwrap(),
        payload: &plan.payload,
        reason: None,
        labels: &[],
        timeout: None,
        requester: None,
    };
    let result = run.carry_out(plan, body(&wish)).await;
    server.abort();
    let why = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let news = news.lock().unwrap().clone();
    Outcome { code: result.unwrap_or_else(|stopped| stopped.code()), why, news, story }
}

/// Leaves a line in a file of its own, says something, and ends with 7.
fn command(file: &Path) -> Plan {
    let line = format!("echo ran >>{}; echo done; exit 7", file.display());
    Plan::of_command(["sh", "-c", &line].map(OsString::from).to_vec(), None, None).unwrap()
}

fn runs(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

fn shown(plan: &Plan, status: &str) -> Value {
    let mut request = sample(&plan.payload.command, &Value::Null, status);
    if status != "pending" {
        request["decision"] = json!({"outcome": status, "method": "votes", "reason": null, "by": ["dana@example.com"]});
    }
    request
}

fn claimed(payload: &Payload) -> Value {
    json!({
        "fence": 1, "command": payload.command, "language": payload.language, "context": payload.context,
        "digest": payload.digest().unwrap(), "receipt": null, "lease_expires_at": "2026-11-21T23:30:00Z",
    })
}

/// The request once the run is reported.
fn recorded(plan: &Plan, status: &str, exit_code: u8, output: &[u8]) -> Value {
    let mut request = shown(plan, "approved");
    let digest = crate::approval::Digest::of(output);
    request["execution"] =
        json!({"status": status, "exit_code": exit_code, "output_digest": digest, "use_by": "2026-11-21T23:00:00Z"});
    request
}

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ran");
    (folder, file)
}

fn away() -> Reply {
    problem(503, "storage_unavailable", None)
}

#[tokio::test]
async fn what_was_approved_as_it_was_called_off_is_revoked() {
    let (_folder, file) = file();
    let plan = command(&file);
    let script = Script::new([
        ("cancel", problem(409, "already_decided", Some("approved"))),
        ("revoke", Reply::Json(200, shown(&plan, "approved"))),
    ]);
    let (hub, server) = hub(&script).await;
    let (progress, _news) = kept(false);
    let mut story = Story::default();
    let mut run = Run { hub: &hub, progress: &progress, story: &mut story, signals: Signals::listen().unwrap() };
    let stopped = run.take_back(&Shown::read(shown(&plan, "pending"), None).unwrap()).await;
    server.abort();
    assert_eq!((stopped.code(), script.calls("revoke").len()), (122, 1), "{stopped}");
}

#[tokio::test]
async fn every_call_is_repeated_and_the_command_runs_once() {
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
    let outcome = exec(&script, &plan, false).await;
    assert_eq!((outcome.code, runs(&file)), (7, 1), "{}", outcome.why);
    assert!(outcome.story.ran && outcome.story.reported);
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
    assert_eq!(outcome.news.iter().filter(|line| line.ends_with("the hub serves again")).count(), 4);
}

#[tokio::test]
async fn nothing_runs_unless_the_claim_hashes_to_what_was_approved() {
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
        let outcome = exec(&script, &plan, false).await;
        assert_eq!((outcome.code, outcome.story.ran, runs(&file)), (123, false, 0), "{}", outcome.why);
        let reports = script.calls("result");
        assert_eq!(reports.len(), reported, "{}", outcome.why);
        assert!(reports.iter().all(|report| report.body["status"] == "failed"));
    }
}

#[tokio::test]
async fn nothing_runs_for_a_hub_that_answers_nonsense() {
    let (_folder, file) = file();
    let plan = command(&file);
    let pending = || ("ask", Reply::Json(201, shown(&plan, "pending")));
    let other = Plan::of_command(vec!["true".into()], None, None).unwrap();
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
        let outcome = exec(&script, &plan, false).await;
        assert_eq!((outcome.code, outcome.story.ran, runs(&file)), (123, false, 0), "{}", outcome.why);
        assert!(script.calls("claim").is_empty());
    }
}

#[tokio::test]
async fn other_ends_have_their_exit_codes() {
    let (_folder, file) = file();
    let plan = command(&file);
    for (status, code) in [("rejected", 120), ("expired", 121), ("cancelled", 122), ("superseded", 122)] {
        let script = Script::new([
            ("ask", Reply::Json(201, shown(&plan, "pending"))),
            ("show", Reply::Json(200, shown(&plan, status))),
        ]);
        let outcome = exec(&script, &plan, false).await;
        assert_eq!((outcome.code, runs(&file), script.calls("claim").len()), (code, 0, 0), "{}", outcome.why);
    }
    for (refusal, code) in [(problem(409, "execution_revoked", None), 122), (problem(410, "use_expired", None), 122)] {
        let script = Script::new([("ask", Reply::Json(201, shown(&plan, "approved"))), ("claim", refusal)]);
        assert_eq!((exec(&script, &plan, false).await.code, runs(&file)), (code, 0));
    }
    let script = Script::new([("ask", problem(422, "denied_by_rule", None))]);
    assert_eq!((exec(&script, &plan, false).await.code, runs(&file)), (120, 0));
}

#[tokio::test]
async fn a_hub_that_stays_away_is_given_up_behind_the_deadline() {
    let (_folder, file) = file();
    let plan = command(&file);
    let mut pending = shown(&plan, "pending");
    pending["expires_at"] = "2026-11-21T22:00:01Z".into();
    let script = Script::new([("ask", Reply::Json(201, pending)), ("show", away())]);
    let begun = tokio::time::Instant::now();
    let outcome = exec(&script, &plan, false).await;
    // Not before the second to the deadline is over: the hub could still come back in time.
    assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((outcome.code, runs(&file)), (123, 0), "{}", outcome.why);
    assert!(script.calls("show").len() > 2);
}

#[tokio::test]
async fn what_an_approver_made_of_it_is_shown_and_run() {
    let (_folder, file) = file();
    let (asked, changed) = (Plan::of_command(vec!["false".into()], None, None).unwrap(), command(&file));
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
    let outcome = exec(&script, &asked, false).await;
    assert_eq!((outcome.code, runs(&file)), (7, 1), "{}", outcome.why);
    let news = outcome.news.join("\n");
    let (before, _) = news.split_once("countersign: running it").unwrap();
    assert!(before.contains("changed by dana@example.com (approver)\n    -false\n    +sh -c …\n"), "{before}");
    assert_eq!(script.calls("claim")[0].body["digest"], json!(changed.payload.digest().unwrap()));
}

#[tokio::test]
async fn what_is_no_command_is_not_run_and_reported() {
    for (command, code) in [("echo 'open", 126), ("# a remark", 126), ("/nowhere/at-all x", 127)] {
        let mut plan = Plan::of_command(vec!["true".into()], None, None).unwrap();
        let asked = Plan::of_command(vec!["true".into()], None, None).unwrap();
        plan.payload.command = command.to_owned();
        let mut approved = shown(&plan, "approved");
        approved["revision"] = json!(2);
        let script = Script::new([
            ("ask", Reply::Json(201, shown(&asked, "pending"))),
            ("show", Reply::Json(200, approved)),
            ("claim", Reply::Json(200, claimed(&plan.payload))),
            ("result", Reply::Json(200, json!({}))),
        ]);
        let outcome = exec(&script, &asked, false).await;
        assert_eq!((outcome.code, outcome.story.ran), (code, false), "{command}");
        assert_eq!(script.calls("result")[0].body["exit_code"], code);
    }
}

#[tokio::test]
async fn a_long_run_is_kept_alive_and_output_that_is_refused_is_left_out() {
    let plan = Plan::of_command(["sh", "-c", "sleep 0.4; echo x"].map(OsString::from).to_vec(), None, None).unwrap();
    let script = Script::new([
        ("ask", Reply::Json(201, shown(&plan, "approved"))),
        ("claim", Reply::Json(200, claimed(&plan.payload))),
        ("heartbeat", Reply::Drop),
        ("heartbeat", Reply::Json(200, json!({"lease_expires_at": null}))),
        ("result", problem(413, "too_large", None)),
        ("result", Reply::Json(200, recorded(&plan, "succeeded", 0, b"x\n"))),
    ]);
    let outcome = exec(&script, &plan, true).await;
    assert_eq!((outcome.code, outcome.story.reported), (0, true));
    assert!(script.calls("heartbeat").len() > 3);
    let reports = script.calls("result");
    assert_eq!(
        (reports.len(), &reports[1].body["output"], &reports[1].body["output_truncated"]),
        (2, &Value::Null, &json!(true))
    );
    assert_eq!(reports[1].body["output_digest"], json!(crate::approval::Digest::of(b"x\n")));
    for line in &outcome.news {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["event"].is_string());
    }
}

#[tokio::test]
async fn reported_is_only_what_the_hub_has_on_record() {
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
        let outcome = exec(&script, &plan, false).await;
        assert_eq!((outcome.code, outcome.story.reported), (7, reported), "{:?}", outcome.news);
    }
}

#[tokio::test]
async fn a_hub_that_is_gone_at_the_end_changes_nothing_but_the_record() {
    let (_folder, file) = file();
    let plan = command(&file);
    let script = Script::new([
        ("ask", Reply::Json(201, shown(&plan, "approved"))),
        ("claim", Reply::Json(200, claimed(&plan.payload))),
        ("result", away()),
    ]);
    let outcome = exec(&script, &plan, false).await;
    assert_eq!((outcome.code, outcome.story.reported, runs(&file)), (7, false, 1));
    assert!(outcome.news.last().unwrap().contains("the hub was not told how"), "{:?}", outcome.news);
}
