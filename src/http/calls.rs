//! Counts the active calls of a connection, from the head of the request to the last byte of the response.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// The active calls of one connection.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<AtomicUsize>);

/// An active call, until it is dropped.
pub(super) struct Call(Arc<AtomicUsize>);

impl Calls {
    /// Starts a call.
    pub(super) fn begin(&self) -> Call {
        self.0.fetch_add(1, Ordering::Relaxed);
        Call(Arc::clone(&self.0))
    }

    /// Whether there is an active call.
    pub(super) fn are_active(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Call {
    /// Wraps the response body, so that the call ends when the body has been written.
    pub(super) fn until_written(self, body: Body) -> Body {
        Body::new(CountedBody { body, _call: self })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct CountedBody {
    body: Body,
    _call: Call,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
