//! The list of groups.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::joined;
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::hub::GroupLine;

/// Groups on a page.
const MANY: u32 = 50;

#[derive(Template)]
#[template(path = "pages/settings/groups.html")]
struct GroupsPage {
    shell: Shell,
    frame: Frame,
    groups: Vec<Line>,
    next: Option<String>,
}

struct Line {
    name: String,
    members: usize,
    here: usize,
    /// A CSS class: whether too few are here.
    mood: &'static str,
    claims: String,
    is_managed: bool,
}

impl From<&GroupLine> for Line {
    fn from(line: &GroupLine) -> Self {
        let members = line.group.members.len();
        let here = members - line.away;
        let mood = match here {
            0 if line.group.from_claim.is_empty() => "no",
            1 if line.group.from_claim.is_empty() => "warn",
            _ => "",
        };
        let claims = joined(&line.group.from_claim, "");
        Self {
            name: line.group.name.to_string(),
            members,
            here,
            mood,
            claims,
            is_managed: line.group.managed_by.is_some(),
        }
    }
}

/// `GET /settings/groups`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let found = app.hub.groups_with_presence(&viewer.caller, MANY, query.get("cursor").unwrap_or_default()).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Groups).await?;
    let page = GroupsPage {
        shell,
        frame: frame.after(&query),
        groups: found.items.iter().map(Line::from).collect(),
        next: query.next(Section::Groups.path(), found.next_cursor.as_deref()),
    };
    Ok(page_response(StatusCode::OK, &page))
}
