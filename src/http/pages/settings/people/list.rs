//! The list of people.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::reader::Reader;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::{in_path, joined};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::store::people::Person;

/// People on a page.
const MANY: u32 = 100;

#[derive(Template)]
#[template(path = "pages/settings/people.html")]
struct PeoplePage {
    shell: Shell,
    frame: Frame,
    people: Vec<Line>,
    next: Option<String>,
}

struct Line {
    email: String,
    path: String,
    name: String,
    roles: String,
    absence: Option<(&'static str, String)>,
}

/// A CSS class, and when a person is away; nothing when the absence is over.
pub(super) fn absence(person: &Person, reader: &Reader) -> Option<(&'static str, String)> {
    let absence = person.absence.as_ref().filter(|absence| absence.until.is_none_or(|until| until > reader.now))?;
    let from = absence.from.filter(|from| *from > reader.now).map(|from| format!(" from {}", reader.time(from).shown));
    let until = absence.until.map(|until| format!(" until {}", reader.time(until).shown));
    let stand_in =
        absence.delegate.as_ref().map_or_else(|| ", nobody stands in".to_owned(), |one| format!(", {one} stands in"));
    let mood = if absence.covers(reader.now) { "warn" } else { "" };
    Some((mood, format!("away{}{}{stand_in}", from.unwrap_or_default(), until.unwrap_or_default())))
}

/// `GET /settings/people`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let found = app.hub.people(&viewer.caller, MANY, query.get("cursor").unwrap_or_default()).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::People).await?;
    let line = |person: &Person| Line {
        email: person.email.to_string(),
        path: in_path(person.email.as_str()),
        name: person.name.clone(),
        roles: joined(person.roles.iter().map(|role| role.as_str()), ""),
        absence: absence(person, &viewer.reader),
    };
    let page = PeoplePage {
        shell,
        frame: frame.after(&query),
        people: found.items.iter().map(line).collect(),
        next: query.next(Section::People.path(), found.next_cursor.as_deref()),
    };
    Ok(page_response(StatusCode::OK, &page))
}
