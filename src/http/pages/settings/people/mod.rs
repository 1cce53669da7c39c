//! People: the list, one, and the form.

pub(super) mod edit;
pub(super) mod list;
pub(super) mod one;
