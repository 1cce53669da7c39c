//! The demo's receiver: takes what the hub sends, as Teams or a custom system would, and shows it on a page.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::delivery::sign;
use crate::time::Timestamp;

/// Messages kept.
const KEPT: usize = 30;

/// A running receiver.
pub(super) struct Receiver {
    address: SocketAddr,
    url: String,
    inbox: Arc<Inbox>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Inbox {
    /// A std mutex: held for a push or a copy, never across an await.
    messages: Mutex<VecDeque<Message>>,
    secret: Mutex<Option<String>>,
}

#[derive(Clone)]
enum Message {
    Card { channel: String, card: Card, body: String },
    Custom { event: String, id: String, genuine: bool, links: Vec<(String, String)>, body: String },
}

/// A card in the order that it is read.
#[derive(Clone, Default)]
struct Card {
    blocks: Vec<Block>,
    buttons: Vec<Button>,
}

#[derive(Clone)]
struct Block {
    /// Classes of the style sheet.
    look: String,
    runs: Vec<Run>,
}

#[derive(Clone)]
struct Run {
    text: String,
    bold: bool,
}

#[derive(Clone)]
struct Button {
    title: String,
    url: String,
    look: &'static str,
}

#[derive(Template)]
#[template(path = "pages/receiver.html")]
struct Page {
    messages: Vec<Message>,
}

impl Receiver {
    pub(super) async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let inbox = Arc::new(Inbox::default());
        let stop = CancellationToken::new();
        let routes = Router::new()
            .route("/", get(page))
            .route("/style.css", get(style))
            .route("/look-again.js", get(script))
            .route("/teams/{channel}", post(take_card))
            .route("/custom", post(take_event))
            .with_state(Arc::clone(&inbox));
        let serve = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(error = &error as &dyn std::error::Error, "the receiver ended");
            }
        });
        Ok(Self { address, url: format!("http://{address}"), inbox, stop, task })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The secret that custom messages must be signed with.
    pub(super) fn expect_secret(&self, secret: String) {
        *self.inbox.secret.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    pub(super) async fn shut_down(self) {
        self.stop.cancel();
        if self.task.await.is_err() {
            tracing::error!("the receiver did not end by itself");
        }
    }
}

impl Inbox {
    fn push(&self, message: Message) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_front(message);
        messages.truncate(KEPT);
    }
}

async fn page(State(inbox): State<Arc<Inbox>>) -> Response {
    let messages = inbox.messages.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    match (Page { messages }).render() {
        Ok(html) => ([(header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")], Html(html))
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn style() -> impl IntoResponse {
    let css = concat!(include_str!("../../../assets/countersign.css"), include_str!("../../../assets/receiver.css"));
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

async fn script() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (headers, include_str!("../../../assets/look-again.js"))
}

/// As a Teams workflow answers.
async fn take_card(State(inbox): State<Arc<Inbox>>, Path(channel): Path<String>, body: Bytes) -> StatusCode {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let Some(content) = message.pointer("/attachments/0/content") else { return StatusCode::BAD_REQUEST };
    inbox.push(Message::Card { channel, card: read_card(content), body: format!("{message:#}") });
    StatusCode::ACCEPTED
}

/// As a system of one's own would: the signature first.
async fn take_event(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: String) -> StatusCode {
    let Ok(event) = serde_json::from_str::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let id = text("webhook-id");
    let secret = inbox.secret.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
    let at = text("webhook-timestamp").parse::<i64>().unwrap_or_default();
    let expected = sign(&secret.into(), &id, Timestamp::from_micros(at.saturating_mul(1_000_000)), &body);
    let genuine = expected.is_ok_and(|expected| text("webhook-signature").split(' ').any(|given| given == expected));
    let link = |name: &str| {
        let url = event.pointer(&format!("/data/links/{name}")).and_then(Value::as_str)?;
        Some((name.to_owned(), url.to_owned()))
    };
    let links = ["approve", "reject", "review"].into_iter().filter_map(link).collect();
    let kind = event.pointer("/type").and_then(Value::as_str).unwrap_or_default().to_owned();
    inbox.push(Message::Custom { event: kind, id, genuine, links, body: format!("{event:#}") });
    if genuine { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}

/// The elements of Adaptive Cards that the hub's own templates use.
fn read_card(content: &Value) -> Card {
    let mut card = Card::default();
    for element in items(content, "body") {
        read_element(element, "", &mut card.blocks);
    }
    // A card for several slots has a row of buttons for each; here they stand together at the end.
    let rows = items(content, "body").iter().filter(|element| text(element, "type") == "ActionSet");
    card.buttons = rows
        .chain([content])
        .flat_map(|holder| items(holder, "actions"))
        .map(|action| Button {
            title: text(action, "title"),
            url: text(action, "url"),
            look: match text(action, "style").as_str() {
                "positive" => "approve",
                "destructive" => "reject",
                _ => "review",
            },
        })
        .collect();
    card
}

fn read_element(element: &Value, inside: &str, blocks: &mut Vec<Block>) {
    let look = |element: &Value| {
        let part = |name: &str| format!("{name}-{}", text(element, name).to_lowercase());
        format!("{inside} {} {} {} {}", part("size"), part("weight"), part("color"), part("spacing"))
    };
    match text(element, "type").as_str() {
        "TextBlock" => {
            let run = Run { text: plain(&text(element, "text")), bold: text(element, "weight") == "Bolder" };
            blocks.push(Block { look: look(element), runs: vec![run] });
        }
        "RichTextBlock" => {
            let run = |run: &Value| Run { text: text(run, "text"), bold: text(run, "weight") == "Bolder" };
            let monospace = items(element, "inlines").iter().any(|run| text(run, "fontType") == "Monospace");
            let look = format!("{} {}", look(element), if monospace { "monospace" } else { "" });
            blocks.push(Block { look, runs: items(element, "inlines").iter().map(run).collect() });
        }
        "Container" => {
            let style = text(element, "style");
            for item in items(element, "items") {
                read_element(item, &style, blocks);
            }
        }
        _ => {}
    }
}

/// Markdown's escapes undone, and the dates that a Teams client would put into the reader's time zone.
fn plain(markdown: &str) -> String {
    let mut shown = String::with_capacity(markdown.len());
    let mut characters = markdown.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek().is_some_and(char::is_ascii_punctuation) => {}
            plain => shown.push(plain),
        }
    }
    let dates = shown.replace("{{DATE(", "").replace(", SHORT)}}", "").replace("{{TIME(", "\u{0}");
    match dates.split_once('\u{0}') {
        Some((before, _)) => before.trim_end().replace('T', " at ").replace('Z', " UTC"),
        None => dates,
    }
}

fn items<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
