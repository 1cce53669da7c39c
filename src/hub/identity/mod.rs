//! Who people are, and how the hub learns of them.

mod claims;
mod provisioning;

pub use provisioning::{MAX_GROUPS, MAX_USERS, Part};
