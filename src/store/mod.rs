//! The only place that speaks SQL, and the same SQL for both databases.
//!
//! Reads take a [`Session`] from a small pool. Every write goes through one writer that gathers callers' operations
//! into one transaction, a savepoint each, and answers after the commit: what a caller was told is on disk. One writer at a
//! time also means that an operation sees nobody change a row under it, so no statement needs a lock of its own.
//!
//! The store keeps and finds; it knows no rule of approval, no channel and no HTTP.

mod arg;
pub mod attempts;
pub mod audit;
pub mod backup;
mod bell;
mod bulk;
pub mod chat_identities;
mod checkpoint;
mod codec;
mod configuration;
mod connection;
pub mod deliveries;
pub mod delivery_log;
mod dialect;
pub mod endpoints;
mod error;
pub mod events;
pub mod executions;
mod fault;
pub mod grants;
pub mod groups;
pub mod health;
pub mod heartbeats;
pub mod idempotency;
pub mod in_use;
pub mod link_events;
mod lock;
mod lookup;
pub mod membership_checks;
pub mod names;
mod native;
mod nesting;
mod open;
pub mod people;
mod pools;
pub mod queue;
mod readable;
pub mod replays;
pub mod replicas;
pub mod requests;
pub mod resources;
pub mod reviews;
pub mod rollups;
mod row;
mod signals;
pub mod slack;
pub mod template_problems;
pub mod templates;
pub mod timers;
pub mod tokens;
pub mod transport;
mod tx;
mod unreadable;
pub mod votes;
mod writer;

pub use checkpoint::run_checkpoints;
pub use configuration::{Endpoints, Subscriptions};
pub use connection::Session;
pub use error::StoreError;
pub use fault::Fault;
pub use lookup::Lookup;
pub use open::{Found, OpenError, Store};
pub use signals::{Signal, Signals};
pub use tx::Tx;

use std::future::Future;
use std::pin::Pin;

/// What a write operation returns: a boxed future, since operations of different shapes share one queue.
pub type Operation<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;
