//! Groups: the list, one with its members, and its form.

pub(super) mod edit;
pub(super) mod list;
pub(super) mod one;
