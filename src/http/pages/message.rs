//! The message page: explains an invalid link or a failure.

use askama::Template;

use crate::http::assets::style_path;

/// A heading, a sentence, and an optional link back.
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
