//! The streams and exit codes between the terminal, `exec` and the command, with a scripted hub.

use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Json, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use countersign::approval::Payload;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

const ID: &str = "req_0190c0de0190c0de0190c0de0190c0de";

/// A hub with one request, which is approved at once.
#[derive(Clone, Default)]
struct Hub(Arc<Mutex<HubState>>);

#[derive(Default)]
struct HubState {
    request: Value,
    result: Option<Value>,
}

impl Hub {
    async fn start() -> (Self, String) {
        let hub = Self::default();
        let router = axum::Router::new()
            .route("/v1/requests", post(ask))
            .route("/v1/requests/{id}", get(show))
            .route("/v1/requests/{id}/{action}", post(act))
            .with_state(hub.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (hub, url)
    }

    fn result(&self) -> Value {
        self.0.lock().unwrap().result.clone().expect("a result was reported")
    }
}

async fn ask(State(hub): State<Hub>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let payload = Payload {
        command: body["command"].as_str().unwrap().to_owned(),
        language: body["language"].as_str().map(str::to_owned),
        context: body.get("context").cloned(),
        duration_seconds: None,
    };
    let request = json!({
        "id": ID, "revision": 1, "resource": body["resource"], "command": payload.command, "language": payload.language,
        "context": payload.context, "duration_seconds": null, "digest": payload.digest().unwrap(), "status": "pending",
        "requester": {"email": "nora@example.com", "name": null}, "reason": null, "created_at": "2026-11-21T22:00:00Z",
        "expires_at": "2026-11-21T23:00:00Z", "decision": null, "votes": [], "url": "http://hub/x",
        "slots": [{"group": "dba\u{1b}[2J", "needed": 1, "approved": 0}],
    });
    hub.0.lock().unwrap().request = request.clone();
    (StatusCode::CREATED, Json(request))
}

async fn show(State(hub): State<Hub>) -> Json<Value> {
    let mut state = hub.0.lock().unwrap();
    state.request["status"] = "approved".into();
    Json(state.request.clone())
}

async fn act(
    State(hub): State<Hub>,
    Path((_, action)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut state = hub.0.lock().unwrap();
    let mut answer = state.request.clone();
    match action.as_str() {
        "claim" => answer["fence"] = 1.into(),
        "result" => {
            answer["execution"] = body.clone();
            state.result = Some(body);
        }
        _ => return (StatusCode::NOT_FOUND, Json(json!({"code": "not_found", "detail": "no"}))),
    }
    (StatusCode::OK, Json(answer))
}

/// The program, not yet started.
fn exec(url: &str, flags: &[&str], argv: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .args(["exec", "--resource", "orders-db", "--url", url])
        .args(flags)
        .arg("--")
        .args(argv)
        .env("COUNTERSIGN_TOKEN", "cs_secret")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn output(child: Child) -> Output {
    tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn output_goes_to_the_right_stream_and_the_token_is_not_passed_on() {
    let (hub, url) = Hub::start().await;
    let script = "echo out; printf err >&2; echo token=$COUNTERSIGN_TOKEN; exit 4";
    let ended = output(exec(&url, &["--json"], &["sh", "-c", script]).spawn().unwrap()).await;
    assert_eq!((ended.status.code(), text(&ended.stdout)), (Some(4), "out\ntoken=\n"));
    // Output without a final newline does not run into the last object.
    let errors: Vec<&str> = text(&ended.stderr).lines().collect();
    assert!(errors.contains(&"err"), "{errors:?}");
    let events: Vec<Value> =
        errors.iter().filter(|line| **line != "err").map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["asked", "approved", "running", "done"]);
    let last = json!({"event": "done", "request": ID, "status": "approved", "ran": true, "reported": true, "exit_code": 4,
        "output_digest": hub.result()["output_digest"], "error": null});
    assert_eq!(events[3], last);
    assert_eq!(*errors.last().unwrap(), last.to_string());
}

#[tokio::test]
async fn a_closed_pipe_stops_the_command_as_without_exec() {
    let (hub, url) = Hub::start().await;
    let mut child = exec(&url, &[], &["yes"]).spawn().unwrap();
    drop(child.stdout.take());
    let ended = output(child).await;
    assert_eq!(ended.status.code(), Some(141), "{}", text(&ended.stderr));
    assert_eq!(hub.result()["exit_code"], 141);
}

#[tokio::test]
async fn invalid_arguments_are_refused_before_a_request_is_made() {
    let (hub, url) = Hub::start().await;
    for (flags, argv) in [
        (&["--context", "{"][..], &["true"][..]),
        (&["--label", "x"], &["true"]),
        (&["--requester", "nobody"], &["true"]),
        (&["--stdin", "--context", "[]"], &["true"]),
        (&[], &[]),
        (&[], &["\u{200b}"]),
    ] {
        let ended = output(exec(&url, flags, argv).stdin(Stdio::null()).spawn().unwrap()).await;
        assert_eq!(ended.status.code(), Some(2), "{flags:?} {}", text(&ended.stderr));
    }
    assert!(hub.0.lock().unwrap().request.is_null());
    let ended = output(exec("ftp://127.0.0.1:1", &[], &["true"]).spawn().unwrap()).await;
    assert_eq!(ended.status.code(), Some(2), "{}", text(&ended.stderr));
}
