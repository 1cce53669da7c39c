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
    /// For a problem: its code.
    code: Option<&'static str>,
}

/// A link onwards.
pub(in crate::http) struct Back {
    pub(in crate::http) label: &'static str,
    /// A path of this hub.
    pub(in crate::http) path: String,
}

impl MessagePage {
    pub(in crate::http) fn new(heading: &str, text: &str, back: Option<Back>) -> Self {
        Self { shell: Shell::plain(), heading: heading.to_owned(), text: text.to_owned(), back, code: None }
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
    let (heading, back) = onwards(problem.code());
    let text = sentence(problem.detail());
    let page = MessagePage { code: Some(problem.code().as_str()), ..MessagePage::new(heading, &text, Some(back)) };
    let mut response = page_response(problem.status(), &page);
    response.extensions_mut().insert(problem.code());
    if let Some(seconds) = problem.retries_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What happened, and the way on.
fn onwards(code: Code) -> (&'static str, Back) {
    let start = Back { label: "Go to the start", path: "/".to_owned() };
    match code {
        Code::RateLimited => ("Too many calls", start),
        Code::NotFound => ("There is no such thing, or you may not see it", start),
        Code::Forbidden => ("You may not do this", Back { label: "See what you may do", path: "/account".to_owned() }),
        Code::MembershipStale | Code::SignInStale => {
            ("Sign in again first", Back { label: "Sign in", path: "/sign-in".to_owned() })
        }
        Code::StorageUnavailable | Code::Stopping | Code::Busy => ("The hub cannot do this right now", start),
        _ => ("That did not work", start),
    }
}

/// A problem's words as a sentence.
fn sentence(detail: &str) -> String {
    let mut characters = detail.chars();
    let text: String =
        characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default();
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}
