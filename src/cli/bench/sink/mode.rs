//! How a target behaves: the first part of its path says so.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_LENGTH;
use futures_util::stream;
use hyper::Response;
use tokio_util::sync::CancellationToken;

/// How large an answer can be that nobody wants: 256 MiB.
const HUGE: usize = 256 * 1024 * 1024;
/// A part of it.
const PART: usize = 64 * 1024;
/// How long a target that drips takes for each byte.
const DRIP: Duration = Duration::from_secs(1);

/// A behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::bench) enum Mode {
    /// Answers at once.
    Healthy,
    /// Takes the message and says nothing.
    Hang,
    /// Answers a byte a second.
    Drip,
    /// Answers far too much.
    Huge,
}

impl Mode {
    /// Those that are no good.
    pub(in crate::cli::bench) const BAD: [Self; 3] = [Self::Hang, Self::Drip, Self::Huge];

    /// What a path begins with.
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

    /// The answer, or none, once `release` says that it is enough.
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

/// An answer that says that it will be huge.
fn long(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(HUGE));
    answer
}
