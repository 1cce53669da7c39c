//! A fake Slack: it has a bot token and channels with messages, and it can be slow, busy or broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::eventually;

pub(super) const BOT_TOKEN: &str = "xoxb-SECRET-token";

/// The fault of the next call of a method.
#[derive(Clone)]
pub(super) enum Fault {
    /// Refused with this error code.
    Refused(&'static str),
    /// Rate limited for this many seconds.
    Limited(u64),
    /// Answered with this status and no JSON.
    Status(u16),
    /// Received at once, and carried out once the semaphore is open.
    Held(Arc<Semaphore>),
    /// Carried out at once, and answered after this time.
    Slow(Duration),
}

/// A call of the Web API.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) body: Value,
    /// Whether it was carried out.
    pub(super) ok: bool,
}

#[derive(Default)]
struct Workspace {
    channels: BTreeSet<String>,
    archived: BTreeSet<String>,
    /// Messages by channel and time stamp.
    messages: BTreeMap<(String, String), Value>,
    calls: Vec<Call>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    /// Messages posted to response URLs, by the URL's last part.
    responses: Vec<(String, Value)>,
    triggers: BTreeSet<String>,
    clock: u64,
}

#[derive(Clone)]
pub(super) struct FakeSlack {
    pub(super) url: String,
    workspace: Arc<Mutex<Workspace>>,
}

impl FakeSlack {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let workspace = Workspace {
            channels: ["C1", "C2"].map(str::to_owned).into(),
            clock: 1_700_000_000,
            ..Workspace::default()
        };
        let slack = Self { url, workspace: Arc::new(Mutex::new(workspace)) };
        let router = Router::new()
            .route("/api/{method}", post(api))
            .route("/respond/{id}", post(respond))
            .with_state(slack.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        slack
    }

    pub(super) fn api_url(&self) -> String {
        format!("{}/api", self.url)
    }

    pub(super) fn response_url(&self, id: &str) -> String {
        format!("{}/respond/{id}", self.url)
    }

    /// Sets the faults of the next calls of this method, in order.
    pub(super) fn fail(&self, method: &str, faults: impl IntoIterator<Item = Fault>) {
        self.workspace.lock().unwrap().faults.entry(method.to_owned()).or_default().extend(faults);
    }

    pub(super) fn archive(&self, channel: &str) {
        self.workspace.lock().unwrap().archived.insert(channel.to_owned());
    }

    /// Deletes a message, as a person would.
    pub(super) fn delete(&self, channel: &str, ts: &str) {
        self.workspace.lock().unwrap().messages.remove(&(channel.to_owned(), ts.to_owned()));
    }

    /// A trigger id that opens one form.
    pub(super) fn trigger(&self) -> String {
        let mut workspace = self.workspace.lock().unwrap();
        workspace.clock += 1;
        let trigger = format!("{}.trigger", workspace.clock);
        workspace.triggers.insert(trigger.clone());
        trigger
    }

    pub(super) fn calls(&self, method: &str) -> Vec<Call> {
        self.workspace.lock().unwrap().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// The messages of a channel, oldest first.
    pub(super) fn messages(&self, channel: &str) -> Vec<Value> {
        let workspace = self.workspace.lock().unwrap();
        workspace
            .messages
            .iter()
            .filter(|((place, _), _)| place == channel)
            .map(|(_, message)| message.clone())
            .collect()
    }

    /// The ephemeral replies sent to this response URL.
    pub(super) fn replies(&self, id: &str) -> Vec<Value> {
        let workspace = self.workspace.lock().unwrap();
        workspace.responses.iter().filter(|(to, _)| to == id).map(|(_, body)| body.clone()).collect()
    }

    /// The only message of a channel, once it contains all of these words.
    pub(super) async fn shows(&self, channel: &str, words: &[&str]) -> Value {
        eventually(&format!("{channel} shows {words:?}"), || async {
            let messages = self.messages(channel);
            let [message] = messages.as_slice() else { return None };
            // Words that belong together are not broken over lines.
            let text = message.to_string().replace('\u{a0}', " ");
            words.iter().all(|word| text.contains(word)).then(|| message.clone())
        })
        .await
    }

    /// The text of the first ephemeral reply to this response URL.
    pub(super) async fn reply_text(&self, id: &str) -> String {
        let reply = eventually(&format!("{id} is answered"), || async { self.replies(id).first().cloned() }).await;
        assert_eq!(reply["response_type"], "ephemeral");
        assert_ne!(reply["replace_original"], true);
        reply["text"].as_str().expect("a text").to_owned()
    }
}

async fn api(State(slack): State<FakeSlack>, Path(method): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(text("content-type"), "application/json; charset=utf-8");
    let fault = slack.workspace.lock().unwrap().faults.get_mut(&method).and_then(VecDeque::pop_front);
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let log = |ok| {
        let call = Call { method: method.clone(), body: body.clone(), ok };
        slack.workspace.lock().unwrap().calls.push(call);
    };
    let refused = |word: &str| {
        log(false);
        Json(json!({"ok": false, "error": word})).into_response()
    };
    match fault {
        Some(Fault::Refused(word)) => return refused(word),
        Some(Fault::Limited(seconds)) => {
            let mut response = refused("ratelimited");
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert("retry-after", seconds.into());
            return response;
        }
        Some(Fault::Status(status)) => {
            log(false);
            return (StatusCode::from_u16(status).expect("a status"), "<html>").into_response();
        }
        Some(Fault::Held(gate)) => {
            log(false);
            // The caller may be gone by then; the call is carried out all the same.
            let (slack, method) = (slack.clone(), method.clone());
            let carried = tokio::spawn(async move {
                gate.acquire().await.expect("the gate stays").forget();
                carry_out(&slack, &method, &body)
            });
            return Json(carried.await.expect("an answer")).into_response();
        }
        Some(Fault::Slow(wait)) => {
            let answer = carry_out(&slack, &method, &body);
            log(answer["ok"] == true);
            tokio::time::sleep(wait).await;
            return Json(answer).into_response();
        }
        None => {}
    }
    if text("authorization") != format!("Bearer {BOT_TOKEN}") {
        return refused("invalid_auth");
    }
    let answer = carry_out(&slack, &method, &body);
    log(answer["ok"] == true);
    Json(answer).into_response()
}

fn carry_out(slack: &FakeSlack, method: &str, body: &Value) -> Value {
    keep_for_peers(method, body);
    let mut workspace = slack.workspace.lock().unwrap();
    let word = |word: &str| json!({"ok": false, "error": word});
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let channel = field("channel");
    match method {
        "chat.postMessage" | "chat.postEphemeral" | "chat.update" if !workspace.channels.contains(&channel) => {
            word("channel_not_found")
        }
        "chat.postMessage" | "chat.update" if workspace.archived.contains(&channel) => word("is_archived"),
        "chat.postMessage" => {
            workspace.clock += 1;
            let ts = format!("{}.000100", workspace.clock);
            let mut message = body.clone();
            message["ts"] = json!(ts);
            workspace.messages.insert((channel.clone(), ts.clone()), message.clone());
            // Slack's answer repeats the message, among other fields.
            json!({"ok": true, "channel": channel, "message": message, "padding": "x".repeat(20_000), "ts": ts})
        }
        "chat.update" => {
            let ts = field("ts");
            match workspace.messages.get_mut(&(channel.clone(), ts.clone())) {
                None => word("message_not_found"),
                Some(message) => {
                    *message = body.clone();
                    json!({"ok": true, "channel": channel, "ts": ts, "text": body["text"]})
                }
            }
        }
        "chat.postEphemeral" => {
            let user = field("user");
            workspace.responses.push((user, json!({"response_type": "ephemeral", "text": body["text"]})));
            json!({"ok": true, "message_ts": "1.2"})
        }
        "conversations.open" => {
            let direct = field("users").replace('U', "D");
            workspace.channels.insert(direct.clone());
            json!({"ok": true, "channel": {"id": direct}})
        }
        "views.open" if workspace.triggers.remove(&field("trigger_id")) => json!({"ok": true, "view": {"id": "V1"}}),
        "views.open" => word("expired_trigger_id"),
        _ => word("unknown_method"),
    }
}

/// With `SLACK_DIR` set, writes everything that Slack displays there, to be checked with its SDK.
fn keep_for_peers(method: &str, body: &Value) {
    let Some(folder) = std::env::var_os("SLACK_DIR").map(std::path::PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("{}.ndjson", std::process::id()));
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).expect("a file");
    let line = format!("{}\n", json!({"method": method, "body": body}));
    file.write_all(line.as_bytes()).expect("a line");
}

async fn respond(
    State(slack): State<FakeSlack>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    assert!(!headers.contains_key("authorization"), "the bot token is for Slack's API alone");
    let mut workspace = slack.workspace.lock().unwrap();
    let fault = workspace.faults.get_mut("respond").and_then(VecDeque::pop_front);
    if let Some(Fault::Status(status)) = fault {
        return StatusCode::from_u16(status).expect("a status");
    }
    if workspace.responses.iter().filter(|(known, _)| *known == id).count() >= 5 {
        return StatusCode::NOT_FOUND;
    }
    workspace.responses.push((id, body));
    StatusCode::OK
}
