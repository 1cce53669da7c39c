//! `GET /live`: tells an open page which requests have changed, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::App;
use super::access::is_stream;
use super::form_guard::is_shown_same_origin;
use super::pages::problem_page;
use super::pages::sign_in::redirect;
use super::problem::Problem;
use crate::codes::Code;
use crate::hub::{LiveStream, News};
use crate::identity::Session;

/// After how many milliseconds a browser comes back.
const AGAIN: u32 = 2_000;
/// The same, where there was no place.
const LATER: u32 = 60_000;

/// A stream of events.
struct Events {
    stream: LiveStream,
    stop: CancellationToken,
    /// The number of the next event.
    next: u64,
    /// None once the last event was sent.
    permit: Option<OwnedSemaphorePermit>,
}

/// `GET /live`
pub(super) async fn stream(
    State(app): State<App>,
    Extension(session): Extension<Arc<Session>>,
    headers: HeaderMap,
) -> Response {
    if !is_stream(&headers) {
        // A person has opened the address: there is nothing to see.
        return redirect("/");
    }
    if !is_shown_same_origin(&headers) {
        return problem_page(&Problem::new(Code::CrossSite, "events are for the hub's own pages"));
    }
    let permit = Arc::clone(&app.streams).try_acquire_owned().ok();
    let stream = match permit {
        Some(permit) => app.hub.live(session).await.map(|stream| stream.map(|stream| (stream, permit))),
        None => Ok(None),
    };
    match stream {
        Ok(Some((stream, permit))) => {
            let events = Events { stream, stop: app.stop.clone(), next: 0, permit: Some(permit) };
            response(Body::from_stream(stream::unfold(events, next)))
        }
        // Not an error: a browser never comes back after one.
        Ok(None) => response(Body::from(event(0, "busy", &json!({}), LATER))),
        Err(error) => problem_page(&Problem::from(error)),
    }
}

async fn next(mut events: Events) -> Option<(Result<Bytes, Infallible>, Events)> {
    events.permit.as_ref()?;
    let number = events.next;
    events.next += 1;
    if number == 0 {
        return Some((Ok(event(number, "open", &json!({}), AGAIN)), events));
    }
    let text = match events.stream.next(&events.stop).await? {
        News::Changed { id, status, revision } => {
            event(number, "request", &json!({"id": id, "status": status, "revision": revision}), AGAIN)
        }
        // A comment: it calls no handler.
        News::Beat => Bytes::from_static(b":\n\n"),
        News::SignedOut => {
            events.permit = None;
            event(number, "end", &json!({}), AGAIN)
        }
    };
    Some((Ok(text), events))
}

/// An event with an id, and when to come back: no part of it is empty, which some readers skip.
fn event(number: u64, name: &str, data: &serde_json::Value, again: u32) -> Bytes {
    Bytes::from(format!("retry: {again}\nid: {number}\nevent: {name}\ndata: {data}\n\n"))
}

fn response(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // For nginx, which would collect the events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}
