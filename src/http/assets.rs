//! Static files, built in: style sheet and script of the pages, and the JSON Schemas for receivers.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::{App, Problem};
use crate::approval::Digest;
use crate::channels::schema_at;
use crate::codes::Code;

/// The style sheet of all pages.
pub const STYLE: &str = concat!(
    include_str!("../../assets/css/tokens.css"),
    include_str!("../../assets/css/base.css"),
    include_str!("../../assets/css/fields.css"),
    include_str!("../../assets/css/code.css"),
    include_str!("../../assets/css/lists.css"),
    include_str!("../../assets/css/request.css"),
    include_str!("../../assets/css/settings.css"),
    include_str!("../../assets/css/card.css"),
    include_str!("../../assets/css/paper.css"),
);

/// The script of all pages: modules in the order of their dependencies, each a block of its own.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../assets/js/reader.js"),
    include_str!("../../assets/js/live.js"),
    include_str!("../../assets/js/inbox.js"),
    include_str!("../../assets/js/settings.js"),
    include_str!("../../assets/js/ask.js"),
    include_str!("../../assets/js/account.js")
);

/// A file under `/assets/`. Its name contains a digest of the text, so that browsers may cache it indefinitely.
struct Asset {
    name: String,
    media_type: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(extension: &str, media_type: &'static str, text: &'static str) -> Self {
        let digest = Digest::of(text.as_bytes()).to_string();
        Self { name: format!("countersign-{}.{extension}", digest.split_at(12).0), media_type, text }
    }
}

static STYLE_FILE: LazyLock<Asset> = LazyLock::new(|| Asset::new("css", "text/css; charset=utf-8", STYLE));
static SCRIPT_FILE: LazyLock<Asset> = LazyLock::new(|| Asset::new("js", "text/javascript; charset=utf-8", SCRIPT));

/// The style sheet's path.
pub(super) fn style_path() -> String {
    format!("/assets/{}", STYLE_FILE.name)
}

/// The script's path.
pub(super) fn script_path() -> String {
    format!("/assets/{}", SCRIPT_FILE.name)
}

/// The icon of a page, with how many requests wait: `icon-7.svg`. 100 stands for more than 99.
fn icon(file: &str) -> Option<String> {
    let number: u8 = file.strip_prefix("icon-")?.strip_suffix(".svg")?.parse().ok()?;
    let text = match number {
        0 => "✓".to_owned(),
        1..100 => number.to_string(),
        100 => "99+".to_owned(),
        _ => return None,
    };
    let (color, size) = if number == 0 { ("#5b6470", 20) } else { ("#1f4fbf", 22 - 4 * text.chars().count()) };
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" fill=\"{color}\"/>\
         <text x=\"16\" y=\"17\" fill=\"#fff\" font-family=\"sans-serif\" font-weight=\"700\" font-size=\"{size}\" text-anchor=\"middle\" \
         dominant-baseline=\"central\">{text}</text></svg>"
    ))
}

/// `GET /assets/{file}`
pub(super) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    if let Some(drawing) = icon(&file) {
        let headers = [
            (header::CONTENT_TYPE, "image/svg+xml"),
            (header::CACHE_CONTROL, "public, max-age=86400"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        return Ok((headers, drawing).into_response());
    }
    let known = [&*STYLE_FILE, &*SCRIPT_FILE].into_iter().find(|asset| asset.name == file);
    let asset = known.ok_or_else(|| Problem::new(Code::NotFound, "there is no such file"))?;
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, asset.text).into_response())
}

/// `GET /schemas/{file}`
pub(super) async fn schema(State(app): State<App>, Path(file): Path<String>) -> Result<Response, Problem> {
    let text = schema_at(app.hub.public_url(), &file);
    let text = text.ok_or_else(|| Problem::new(Code::NotFound, "there is no such schema"))?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], text).into_response())
}
