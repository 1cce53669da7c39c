//! The hub over HTTP: reads what came in, calls one service, writes what goes out. No rule of approval stands here, and no SQL.

mod api;
mod assets;
mod callbacks;
mod calls;
mod exposition;
mod extract;
mod listener;
mod pages;
mod problem;
mod router;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use listener::serve;
pub use problem::Problem;
pub use router::router;

use crate::hub::Hub;

/// Largest body of a call, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Largest manifest, in bytes: it is all of it or none, so it cannot be sent in parts.
pub const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// What handlers need.
#[derive(Clone)]
pub struct App {
    /// The services.
    pub hub: Arc<Hub>,
    /// Set when the hub goes down: waiting calls end.
    pub stop: CancellationToken,
    /// Places for calls that wait for a decision; beyond them, such calls are answered at once.
    pub waits: Arc<Semaphore>,
    /// Places for bodies that are read before it is known who sent them.
    pub unproven: Arc<Semaphore>,
}
