//! Countersign: an approval hub. A system that is about to do something risky asks first. The people who may decide are
//! notified in the channels that they use. Their decision is returned to the system, recorded in an audit trail, and
//! counted.
//!
//! `ARCHITECTURE.md` shows which module does what, and which modules it must not depend on.

pub mod analytics;
pub mod approval;
pub mod audit;
pub mod channels;
pub mod cli;
pub mod codes;
pub mod config;
pub mod data_dir;
pub mod delivery;
pub mod descriptors;
mod file_owner;
mod file_stamp;
pub mod http;
pub mod hub;
pub mod identity;
pub mod ids;
pub mod links;
mod lower_hex;
pub mod oidc;
pub mod random;
pub mod sealing;
pub mod server;
pub mod shape;
pub mod store;
pub mod time;
pub mod trace;
mod unicode;
