//! Resources with their policies: the list, one, its form and its text, each tried before it is saved.

pub(super) mod edit;
mod fields;
pub(super) mod list;
pub(super) mod one;
pub(super) mod text;
mod trial;
