//! Black-box tests, a folder a capability. All in one binary, so that they are linked once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]

mod support;

mod analytics;
mod approval;
mod bench;
mod channels;
mod crash;
mod delivery;
mod egress;
mod endpoints;
mod engine;
mod exec;
mod hostile;
mod identity;
mod links;
mod races;
mod redaction;
mod requests;
mod scim;
mod secrets;
mod serve;
mod slack;
mod ssrf;
mod store;
mod templates;
mod tidy;
mod web;
mod wire;
