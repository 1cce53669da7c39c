//! The scenarios, one file each.

pub(super) mod drain;
pub(super) mod fanout;
pub(super) mod idle;
pub(super) mod latency;
pub(super) mod pages;
pub(super) mod rate;
pub(super) mod render;
pub(super) mod sessions;
