//! The message page: explains an invalid link or a failure.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::layout::{PageError, page_response};
use crate::codes::Code;
use crate::http::Problem;
use crate::http::pages::shell::Shell;

/// A heading, a sentence, and an optional link onwards.
#[derive(Template)]
#[template(path = "pages/message.html")]
pub(in crate::http) struct MessagePage {
    shell: Shell,
    heading: String,
    text: String,
    back: Option<Back>,
}

/// A link onwards.
pub(in crate::http) struct Back {
    pub(in crate::http) label: &'static str,
    /// A path of this hub.
    pub(in crate::http) path: String,
}

impl MessagePage {
    pub(in crate::http) fn new(heading: &str, text: &str, back: Option<Back>) -> Self {
        Self { shell: Shell::plain(), heading: heading.to_owned(), text: text.to_owned(), back }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        problem_page(&self.0)
    }
}

/// The page of an address at which there is nothing.
pub(in crate::http) fn no_such_page(problem: &Problem) -> Response {
    let text = "Nothing of this hub is at this address. It may be incomplete, or the page may have moved.";
    let back = Back { label: "Go to the start", path: "/".to_owned() };
    let mut response = page_response(problem.status(), &MessagePage::new("There is no such page", text, Some(back)));
    response.extensions_mut().insert(problem.code());
    response
}

/// A problem as a page, with its status and code.
pub(in crate::http) fn problem_page(problem: &Problem) -> Response {
    let heading = if problem.code() == Code::RateLimited { "Too many calls" } else { "That did not work" };
    let page = MessagePage::new(heading, problem.detail(), None);
    let mut response = page_response(problem.status(), &page);
    response.extensions_mut().insert(problem.code());
    if let Some(seconds) = problem.retries_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
