//! The page with a new secret, which is shown this once.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::section::{Frame, Section};
use crate::http::App;
use crate::http::pages::layout::page_response;
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::hub::HubError;

#[derive(Template)]
#[template(path = "pages/settings/secret.html")]
struct SecretPage {
    shell: Shell,
    frame: Frame,
    name: String,
    /// What it is for.
    text: String,
    secret: String,
    /// Where to go on.
    path: String,
}

/// The page; `path` is that of the object.
///
/// # Errors
/// When the store fails.
pub(super) async fn secret_page(
    app: &App,
    viewer: &Viewer,
    section: Section,
    name: &str,
    text: &str,
    secret: String,
    path: String,
) -> Result<Response, HubError> {
    let (shell, frame) = Frame::of(app, viewer, section).await?;
    let page = SecretPage { shell, frame, name: name.to_owned(), text: text.to_owned(), secret, path };
    Ok(page_response(StatusCode::OK, &page))
}
