//! Static files, built in: the style sheet of the pages, and the JSON Schemas for receivers.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{App, Problem};
use crate::approval::Digest;
use crate::channels::schema_at;
use crate::codes::Code;

const STYLE: &str = concat!(include_str!("../../assets/tokens.css"), include_str!("../../assets/countersign.css"));

/// The style sheet's name. It contains a digest of the text, so that browsers may cache it indefinitely.
static STYLE_NAME: LazyLock<String> =
    LazyLock::new(|| format!("countersign-{}.css", Digest::of(STYLE.as_bytes()).to_string().split_at(12).0));

/// The style sheet's path.
pub(super) fn style_path() -> String {
    format!("/assets/{}", *STYLE_NAME)
}

/// `GET /assets/{file}`
pub(super) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    if file != *STYLE_NAME {
        return Err(Problem::new(Code::NotFound, "there is no such file"));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, STYLE).into_response())
}

/// `GET /schemas/{file}`
pub(super) async fn schema(State(app): State<App>, Path(file): Path<String>) -> Result<Response, Problem> {
    let text = schema_at(app.hub.public_url(), &file);
    let text = text.ok_or_else(|| Problem::new(Code::NotFound, "there is no such schema"))?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], text).into_response())
}
