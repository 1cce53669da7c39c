//! Pages for people: they work on a phone, by keyboard, without JavaScript, light and dark.

mod decision;
mod layout;
mod message;

pub(super) use decision::DecisionPage;
pub(super) use layout::{home, page_response};
pub(super) use message::MessagePage;
