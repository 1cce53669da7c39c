//! The inbox: what waits for the person who signed in. The home page, for everybody else.

mod alike;
mod command;
mod reject;
mod row;
mod ticked;

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::routing::MethodFilter;
use serde::Deserialize;

use self::alike::{Entry, gathered};
use self::command::Rest;
use self::row::{Row, Wish};
use super::layout::{PageResult, page_response};
use super::viewer::Viewer;
use crate::channels::text::Part;
use crate::codes::Code;
use crate::http::pages::home::home;
use crate::http::pages::shell::{Place, Shell};
use crate::http::return_path::ReturnPath;
use crate::http::route::{Route, form, page, route};
use crate::http::visitor::Visitor;
use crate::http::{Access, App, Problem};
use crate::identity::Right;

/// Requests of a page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "pages/inbox.html")]
struct InboxPage {
    shell: Shell,
    entries: Vec<Entry>,
    /// How many requests wait, for people.
    waiting: Option<String>,
    is_one: bool,
    /// Whether it is the list's first page.
    is_first: bool,
    next: Option<String>,
    nonce: String,
    /// The page's own path, to come back to.
    here: String,
    /// The path of a sign-in that comes back here.
    sign_in: String,
    may_ask: bool,
    /// Whether there is nothing to ask for, and the reader may change that.
    may_begin: bool,
    /// Whether there is something to tick.
    may_tick: bool,
}

/// The query parameters of the page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    cursor: Option<String>,
}

/// The pages' routes.
pub(in crate::http) fn routes() -> Vec<Route> {
    vec![
        route(MethodFilter::GET, "/", Access::Open, show),
        form("/inbox/ticked", Right::Vote, ticked::decide),
        page("/inbox/reject", Right::Vote, reject::show),
        form("/inbox/reject", Right::Vote, reject::submit),
    ]
}

/// `GET /`
pub(in crate::http) async fn show(State(app): State<App>, request: Request) -> PageResult {
    let Some(session) = Visitor::from(&request).session(&app).await? else { return Ok(home()) };
    let viewer = Viewer::new(session, request.headers(), app.hub.now());
    let detail = |_| Problem::new(Code::InvalidParameter, "this address is not one of this hub: go to the inbox");
    let Query(Parameters { cursor }) = Query::try_from_uri(request.uri()).map_err(detail)?;
    Ok(page_response(StatusCode::OK, &inbox_page(&app, &viewer, cursor).await?))
}

async fn inbox_page(app: &App, viewer: &Viewer, cursor: Option<String>) -> Result<InboxPage, Problem> {
    let (inbox, standing) = app.hub.inbox(&viewer.caller, ROWS, cursor.as_deref()).await?;
    let person = viewer.session.person.as_str();
    let may_begin = inbox.items.is_empty() && viewer.caller.may(Right::Configure) && app.hub.is_empty().await?;
    let rows: Vec<Row> = inbox.items.iter().map(|item| Row::new(item, &inbox, person, &viewer.reader)).collect();
    let here = cursor.as_deref().map_or_else(|| "/".to_owned(), at);
    let entries = gathered(&inbox.items, rows);
    Ok(InboxPage {
        may_tick: entries.iter().any(|entry| matches!(entry, Entry::One(row) if row.may_approve())),
        entries,
        waiting: standing.waiting_shown(),
        is_one: standing.waiting.count == 1 && !standing.waiting.more,
        is_first: cursor.is_none(),
        next: inbox.next_cursor.as_deref().map(at),
        nonce: app.hub.session_nonce(&viewer.session),
        sign_in: ReturnPath::parse(Some(&here)).sign_in(),
        here,
        may_begin,
        may_ask: viewer.caller.may(Right::Ask),
        shell: Shell::with(app, viewer, Place::Inbox, standing),
    })
}

/// The path of the page behind that cursor.
fn at(cursor: &str) -> String {
    format!("/?{}", url::form_urlencoded::Serializer::new(String::new()).append_pair("cursor", cursor).finish())
}
