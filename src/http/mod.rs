//! The HTTP layer. A handler parses its input, calls one service, and writes the response. It contains no rules of
//! approval and no SQL.

mod access;
mod api;
mod assets;
mod callbacks;
mod calls;
mod client_address;
mod cookies;
mod crowding;
mod exposition;
mod extract;
mod form_guard;
mod forwarded;
mod listener;
mod live;
mod log_limit;
mod oauth;
mod pages;
mod patient;
mod problem;
mod rate_limit;
mod refusals;
mod return_path;
mod route;
mod router;
mod scim;
mod tls;
mod visitor;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use access::Access;
pub use api::MAX_PAGE;
pub use assets::STYLE;
pub use client_address::{ClientAddress, TrustedProxies};
pub use extract::{BODY_TIME, CUT_AFTER};
pub use forwarded::{MAX_ELEMENT, MAX_HOPS};
pub use listener::{CROWD, Front, HEAD_TIME, MAX_HEAD, MAX_HEADERS, READ_TIME, serve};
pub use oauth::MAX_FORM;
pub use problem::Problem;
pub use rate_limit::{COUNTED_ADDRESSES, COUNTED_TOKENS, RateLimits};
pub use refusals::Refusals;
pub use route::Route;
pub use router::{router, routes};
pub use tls::{HANDSHAKE_TIME, HANDSHAKES, Tls, TlsError, watch_certificate};

use crate::hub::Hub;

/// Largest body of a call, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// Largest manifest, in bytes. A manifest is applied as a whole, so it cannot be sent in parts.
pub const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// The state that handlers share.
#[derive(Clone)]
pub struct App {
    pub hub: Arc<Hub>,
    /// Cancelled when the hub stops: waiting calls end.
    pub stop: CancellationToken,
    /// Permits for calls that wait for a decision; without a permit, a call is answered at once.
    pub waits: Arc<Semaphore>,
    /// Permits for pages that are told of changes.
    pub streams: Arc<Semaphore>,
    /// Permits for bodies that are read before the sender is authenticated.
    pub unauthenticated: Arc<Semaphore>,
    pub limits: Arc<RateLimits>,
    pub refusals: Arc<Refusals>,
    /// The hub's own certificate, if it speaks HTTPS itself.
    pub tls: Option<Arc<Tls>>,
}
