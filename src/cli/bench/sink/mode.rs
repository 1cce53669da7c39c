//! The behaviour of a target, chosen by the first segment of its path.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use futures_util::stream;
use hyper::Response;
use tokio_util::sync::CancellationToken;

/// Size of a huge answer: 256 MiB.
const HUGE: usize = 256 * 1024 * 1024;
/// Size of one chunk of it.
const PART: usize = 64 * 1024;
/// Time per byte of a target that drips.
const DRIP: Duration = Duration::from_secs(1);

/// A behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::bench) enum Mode {
    /// Answers at once.
    Healthy,
    /// Accepts the message and never answers.
    Hang,
    /// Answers one byte per second.
    Drip,
    /// Answers with a huge body.
    Huge,
}

impl Mode {
    /// The misbehaving modes.
    pub(in crate::cli::bench) const BAD: [Self; 3] = [Self::Hang, Self::Drip, Self::Huge];

    /// First segment of the path.
    pub(in crate::cli::bench) const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Hang => "hang",
            Self::Drip => "drip",
            Self::Huge => "huge",
        }
    }

    /// The mode of a path.
    pub(super) fn of(path: &str) -> Self {
        let first = path.split('/').nth(1).unwrap_or_default();
        Self::BAD.into_iter().find(|mode| mode.name() == first).unwrap_or(Self::Healthy)
    }

    /// Answers. `release` ends an answer that hangs or drips.
    pub(super) async fn answer(self, release: CancellationToken) -> io::Result<Response<Body>> {
        match self {
            Self::Healthy => Ok(Response::new(Body::empty())),
            Self::Hang => {
                release.cancelled().await;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Self::Drip => {
                let bytes = stream::unfold(release, |release| async move {
                    tokio::select! {
                        () = release.cancelled() => None,
                        () = tokio::time::sleep(DRIP) => Some((Ok::<_, Infallible>(Bytes::from_static(b".")), release)),
                    }
                });
                Ok(long(Body::from_stream(bytes)))
            }
            Self::Huge => {
                let part = Bytes::from(vec![b'.'; PART]);
                let parts = std::iter::repeat_n(part, HUGE / PART).map(Ok::<_, Infallible>);
                Ok(long(Body::from_stream(stream::iter(parts))))
            }
        }
    }
}

/// An answer with the `Content-Length` of a huge one.
fn long(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(HUGE));
    answer
}
