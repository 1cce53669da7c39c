//! Templates of messages: the list, and one with its editor, its preview and its versions.

pub(super) mod list;
pub(super) mod one;
mod preview;
