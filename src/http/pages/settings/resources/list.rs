//! The list of resources.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use crate::approval::Slot;
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::{filled, joined};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::hub::ResourceView;

/// Resources on a page.
const MANY: u32 = 100;

#[derive(Template)]
#[template(path = "pages/settings/resources.html")]
struct ResourcesPage {
    shell: Shell,
    frame: Frame,
    resources: Vec<Line>,
    next: Option<String>,
}

struct Line {
    name: String,
    description: String,
    slots: String,
    rules: usize,
    is_high_risk: bool,
    warnings: Vec<String>,
}

/// Who must approve, in a few words.
pub(super) fn approvals(slots: &[Slot]) -> String {
    joined(slots.iter().map(|slot| format!("{} of {}", slot.needed, slot.group)), "nobody")
}

impl From<&ResourceView> for Line {
    fn from(view: &ResourceView) -> Self {
        Self {
            name: view.name.to_string(),
            description: filled(view.description.as_ref()),
            slots: approvals(&view.policy.slots),
            rules: view.policy.procedure.guardrails.len(),
            is_high_risk: view.policy.procedure.high_risk,
            warnings: view.warnings.clone(),
        }
    }
}

/// `GET /settings/resources`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let after = query.get("cursor").unwrap_or_default();
    let found = app.hub.resources_with_warnings(&viewer.caller, MANY, after).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Resources).await?;
    let page = ResourcesPage {
        shell,
        frame: frame.after(&query),
        resources: found.items.iter().map(Line::from).collect(),
        next: query.next(Section::Resources.path(), found.next_cursor.as_deref()),
    };
    Ok(page_response(StatusCode::OK, &page))
}
