//! Endpoints: the list, one with its deliveries, its form, tests and replays.

pub(super) mod actions;
mod condition;
pub(super) mod deliveries;
pub(super) mod edit;
mod fields;
pub(super) mod list;
pub(super) mod one;
pub(super) mod replay;
