//! A page that only says something: a dead link, a failure.

use askama::Template;

use crate::http::assets::style_path;

/// A heading, a sentence, and where to go from here.
#[derive(Template)]
#[template(path = "pages/message.html")]
pub(in crate::http) struct MessagePage {
    style: String,
    heading: String,
    text: String,
    back: Option<String>,
}

impl MessagePage {
    pub(in crate::http) fn new(heading: &str, text: &str, back: Option<String>) -> Self {
        Self { style: style_path(), heading: heading.to_owned(), text: text.to_owned(), back }
    }
}
