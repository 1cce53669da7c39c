//! The first run: leads through group, resource, channel and a sample request that is decided on a phone.

mod matrix;
pub(super) mod page;
mod recipes;
pub(super) mod steps;
