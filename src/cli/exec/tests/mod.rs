//! Tests against a hub that follows a script: it answers late, wrongly, or not at all.

mod deciding;
mod reporting;
mod running;

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
use crate::cli::caller::Caller;
use crate::cli::connection::Pace;
use crate::cli::progress::tests::recording;
use crate::cli::request::{RequestInput, body};
use crate::cli::shown::tests::sample;

/// What to do with a call.
#[derive(Clone)]
enum Reply {
    Json(u16, Value),
    Text(&'static str),
    Drop,
}

/// A received call.
#[derive(Debug, Clone)]
struct Seen {
    call: String,
    key: Option<String>,
    body: Value,
}

/// A hub that replies by a script; the last reply to each call is repeated.
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
            // Sends the head, then closes the connection.
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
    long_poll: 1,
    asking: Duration::from_millis(200),
    grace: Duration::from_millis(200),
    reporting: Duration::from_millis(300),
    after_signal: Duration::from_millis(100),
    heartbeat: Duration::from_millis(20),
};

/// The result of `exec`, with what it printed.
struct ExecResult {
    code: u8,
    error: String,
    lines: Vec<String>,
    summary: RunSummary,
}

async fn hub(script: &Arc<Script>) -> (Connection, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(Arc::clone(script));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    (Connection::new(Caller::with_token(url.parse().unwrap(), "cs_test".to_owned().into()), PACE).unwrap(), server)
}

async fn exec(script: &Arc<Script>, plan: &ExecPlan, json: bool) -> ExecResult {
    let (hub, server) = hub(script).await;
    let (progress, lines) = recording(json);
    let mut summary = RunSummary::default();
    let run = Run { hub: &hub, progress: &progress, summary: &mut summary, signals: Signals::listen().unwrap() };
    let input = RequestInput {
        resource: &"orders-db".parse().unwrap(),
        payload: &plan.payload,
        reason: None,
        labels: &[],
        timeout: None,
        requester: None,
    };
    let result = run.carry_out(plan, body(&input)).await;
    server.abort();
    let error = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let lines = lines.lock().unwrap().clone();
    ExecResult { code: result.unwrap_or_else(|stopped| stopped.code()), error, lines, summary }
}

/// Appends a line to a file, prints something, and exits with 7.
fn command(file: &Path) -> ExecPlan {
    let line = format!("echo ran >>{}; echo done; exit 7", file.display());
    ExecPlan::of_command(["sh", "-c", &line].map(OsString::from).to_vec(), None, None).unwrap()
}

fn runs(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

fn shown(plan: &ExecPlan, status: &str) -> Value {
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
fn recorded(plan: &ExecPlan, status: &str, exit_code: u8, output: &[u8]) -> Value {
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
