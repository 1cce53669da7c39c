//! Countersign: an approval hub. A system that is about to do something risky asks first; the people who may decide are told
//! where they already are; their decision is told to the system, proven, and counted.
//!
//! `ARCHITECTURE.md` draws the map; each module says what it must not know.

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
pub mod http;
pub mod hub;
pub mod identity;
pub mod ids;
pub mod links;
mod lower_hex;
pub mod random;
pub mod server;
pub mod shape;
pub mod store;
pub mod time;
pub mod trace;
mod unicode;
