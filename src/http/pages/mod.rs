//! Pages for people: they work on a phone, by keyboard, without JavaScript, light and dark.

mod callback;
mod layout;

pub(super) use callback::{DecisionPage, MessagePage};
pub(super) use layout::{home, page_response};
