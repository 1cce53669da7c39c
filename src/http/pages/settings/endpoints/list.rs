//! The list of endpoints.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::condition::Condition;
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::joined;
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::hub::EndpointStatus;

/// Endpoints on a page.
const MANY: u32 = 100;

#[derive(Template)]
#[template(path = "pages/settings/endpoints.html")]
struct EndpointsPage {
    shell: Shell,
    frame: Frame,
    endpoints: Vec<Line>,
    next: Option<String>,
}

struct Line {
    id: String,
    name: String,
    channel: &'static str,
    /// The target, masked.
    url: String,
    groups: String,
    condition: Condition,
}

/// `GET /settings/endpoints`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let found = app.hub.endpoints(&viewer.caller, MANY, query.get("cursor")).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Endpoints).await?;
    let line = |status: &EndpointStatus| Line {
        id: status.endpoint.id.to_string(),
        name: status.endpoint.name.to_string(),
        channel: status.endpoint.channel.as_str(),
        url: status.endpoint.url.clone(),
        groups: joined(&status.endpoint.groups, "all requests, without links to decide"),
        condition: Condition::of(status, &viewer.reader),
    };
    let page = EndpointsPage {
        shell,
        frame: frame.after(&query),
        endpoints: found.items.iter().map(line).collect(),
        next: query.next(Section::Endpoints.path(), found.next_cursor.as_deref()),
    };
    Ok(page_response(StatusCode::OK, &page))
}
