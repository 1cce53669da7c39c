//! The home page, for who has not signed in: says that the hub is running, and where to go.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::page_response;
use crate::http::pages::shell::Shell;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct HomePage {
    shell: Shell,
    version: &'static str,
}

/// The page.
pub(super) fn home() -> Response {
    page_response(StatusCode::OK, &HomePage { shell: Shell::plain(), version: env!("CARGO_PKG_VERSION") })
}
