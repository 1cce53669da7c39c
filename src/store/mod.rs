//! The only place with SQL: the same statements for SQLite and PostgreSQL.
//!
//! Reads use a [`Session`] from a small pool. Every write goes through one writer (`writer.rs`), which commits the
//! operations of several callers in one transaction (group commit), and answers the callers after the commit: what was
//! answered is on disk. Since there is one writer at a time, no row changes while an operation runs, and no statement
//! needs a lock.
//!
//! The store saves and finds rows. It knows no rules of approval, no channels and no HTTP.

pub mod applied;
mod arg;
pub mod attempts;
pub mod audit;
pub mod backup;
mod bulk;
pub mod chat_identities;
mod checkpoint;
pub mod claims;
mod codec;
pub mod comments;
mod configuration;
mod connection;
pub mod deliveries;
pub mod delivery_log;
pub mod devices;
mod dialect;
pub mod drafts;
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
mod max_age;
pub mod membership_checks;
pub mod names;
mod native;
mod nesting;
mod notify;
pub mod oidc_sign_ins;
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
pub mod saved_views;
pub mod scim;
pub mod seats;
pub mod secrets;
pub mod sessions;
pub mod sign_in_links;
mod signals;
pub mod slack;
pub mod template_problems;
pub mod templates;
pub mod timers;
pub mod tokens;
pub mod totals;
pub mod transport;
mod tx;
mod unreadable;
pub mod votes;
pub mod workloads;
mod writer;

pub use checkpoint::run_checkpoints;
pub use configuration::{Endpoints, Subscriptions};
pub use connection::Session;
pub use error::StoreError;
pub use fault::Fault;
pub use lookup::Lookup;
pub use open::{DatabaseState, OpenError, Store};
pub use signals::{Signal, Signals};
pub use tx::Tx;

use std::future::Future;
use std::pin::Pin;

/// The result of a write operation: a boxed future, since operations of different types share one queue.
pub type Operation<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;
