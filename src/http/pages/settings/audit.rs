//! The audit trail, newest first.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::query::PageQuery;
use super::section::{Frame, Section};
use crate::audit::{Actor, Sealed};
use crate::channels::text::{Listing, Part};
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::Viewer;
use crate::hub::AuditOrder;

/// Entries on a page.
const MANY: u32 = 50;

#[derive(Template)]
#[template(path = "pages/settings/audit.html")]
struct AuditPage {
    shell: Shell,
    frame: Frame,
    entries: Vec<Line>,
    next: Option<String>,
    is_oldest: bool,
}

struct Line {
    seq: i64,
    at: PageTime,
    action: String,
    actor: String,
    /// For whom the actor acted.
    person: String,
    request: Option<String>,
    details: Option<Listing>,
    hash: String,
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Token { name, .. } => format!("the token {name}"),
        Actor::Session { person, .. } => person.to_string(),
        Actor::Link { endpoint } => format!("a link of {endpoint}"),
        Actor::Chat { endpoint, account } => format!("{account} in {endpoint}"),
        Actor::Hub => "the hub".to_owned(),
    }
}

impl Line {
    fn of(sealed: &Sealed, viewer: &Viewer) -> Self {
        let entry = &sealed.entry;
        let who = actor(&entry.actor);
        let person = entry.person.as_ref().map(ToString::to_string).filter(|person| *person != who);
        Self {
            seq: sealed.seq,
            at: viewer.reader.time(entry.at),
            action: entry.action.clone(),
            actor: who,
            person: person.unwrap_or_default(),
            request: entry.request.map(|id| id.to_string()),
            details: Some(&entry.details).filter(|details| !details.is_null()).map(Listing::of_json),
            hash: sealed.hash.to_string(),
        }
    }
}

/// `GET /settings/audit`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let is_oldest = query.get("order") == Some("oldest");
    let order = if is_oldest { AuditOrder::Oldest } else { AuditOrder::Newest };
    let found = app.hub.audit_in(&viewer.caller, order, MANY, query.get("cursor")).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Audit).await?;
    let page = AuditPage {
        shell,
        frame,
        entries: found.items.iter().map(|sealed| Line::of(sealed, &viewer)).collect(),
        next: query.next(Section::Audit.path(), found.next_cursor.as_deref()),
        is_oldest,
    };
    Ok(page_response(StatusCode::OK, &page))
}
