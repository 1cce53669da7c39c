//! The demo's receiver: accepts the hub's messages, as Teams or a custom system would, and shows them on a page.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::page::{Content, Event, Message, Page};
use crate::channels::drawn::Card;
use crate::channels::text::visible;
use crate::delivery::sign;
use crate::http::STYLE;
use crate::time::{Clock, SystemClock, Timestamp};

/// The most messages that are kept.
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

impl Receiver {
    pub(super) async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let inbox = Arc::new(Inbox::default());
        let stop = CancellationToken::new();
        let routes = Router::new()
            .route("/", get(page))
            .route("/style.css", get(style))
            .route("/refresh.js", get(script))
            .route("/teams/{channel}", post(receive_card))
            .route("/custom", post(receive_event))
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

    /// Sets the secret that custom messages must be signed with.
    pub(super) fn expect_secret(&self, secret: String) {
        *self.inbox.secret.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    pub(super) async fn shut_down(self) {
        self.stop.cancel();
        if self.task.await.is_err() {
            tracing::error!("the receiver's task failed");
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

/// The page loads only the receiver's own style sheet and script, and posts nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

#[derive(Deserialize)]
struct Filter {
    /// The channel to show; all without it.
    channel: Option<String>,
}

async fn page(State(inbox): State<Arc<Inbox>>, Query(filter): Query<Filter>) -> Response {
    let messages = inbox.messages.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    match Page::new(messages, filter.channel).render() {
        Ok(html) => (headers, Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn style() -> impl IntoResponse {
    let css = [STYLE, include_str!("../../../assets/css/receiver.css")].concat();
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

async fn script() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (headers, include_str!("../../../assets/js/refresh.js"))
}

/// Accepts a card with the answer of a Teams workflow.
async fn receive_card(State(inbox): State<Arc<Inbox>>, Path(channel): Path<String>, body: Bytes) -> StatusCode {
    let Ok(message) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let Some(content) = message.pointer("/attachments/0/content") else { return StatusCode::BAD_REQUEST };
    let content = Content::Card(Card::read(content));
    inbox.push(Message::new(visible(&channel), SystemClock.now(), content, &message));
    StatusCode::ACCEPTED
}

/// Accepts an event as a custom system would: it verifies the signature.
async fn receive_event(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: String) -> StatusCode {
    let Ok(event) = serde_json::from_str::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let id = text("webhook-id");
    let secret = inbox.secret.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
    let at = text("webhook-timestamp").parse::<i64>().unwrap_or_default();
    let expected = sign(&secret.into(), &id, Timestamp::from_micros(at.saturating_mul(1_000_000)), &body);
    let genuine = expected.is_ok_and(|expected| text("webhook-signature").split(' ').any(|given| given == expected));
    let content = Content::Custom(Event::read(&event, &id, genuine));
    inbox.push(Message::new("pipeline".to_owned(), SystemClock.now(), content, &event));
    if genuine { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}
