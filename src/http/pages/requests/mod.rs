//! The page with all requests that a person may see: filters, saved views, and the list.

mod filters;
mod row;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use self::filters::{Filters, KINDS, STATUSES};
use self::row::Row;
use super::layout::{PageError, PageResult, page_response};
use super::shell::{Place as ShellPlace, Shell};
use super::sign_in::redirect;
use super::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, Lines, Place, ViewOfRequests};
use crate::identity::{Right, Scope};

/// Requests of a page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "pages/requests.html")]
struct RequestsPage {
    shell: Shell,
    /// Whether the person may list the requests of everyone.
    lists_all: bool,
    may_ask: bool,
    filters: Filters,
    tabs: Vec<Tab>,
    /// Whether the list is one of the tabs.
    is_known: bool,
    rows: Vec<Row>,
    older: Option<String>,
    newer: Option<String>,
    saving: Saving,
    nonce: String,
}

/// A list with a name.
struct Tab {
    name: String,
    path: String,
    is_here: bool,
    /// Whether the person has named it.
    is_own: bool,
}

/// The form that saves a view.
#[derive(Default)]
struct Saving {
    error: Option<String>,
    name: String,
}

/// A choice of a list.
struct Choice {
    value: &'static str,
    text: &'static str,
    is_chosen: bool,
}

impl RequestsPage {
    fn statuses(&self) -> Vec<Choice> {
        let chosen = self.filters.get("status");
        STATUSES.iter().map(|(value, _, text)| Choice { value, text, is_chosen: *value == chosen }).collect()
    }

    fn kinds(&self) -> Vec<Choice> {
        let chosen = self.filters.get("kind");
        KINDS.iter().map(|(value, _, text)| Choice { value, text, is_chosen: *value == chosen }).collect()
    }

    /// Whether filters are set that the form shows only on demand.
    fn has_more(&self) -> bool {
        ["kind", "group", "approver"].iter().any(|name| !self.filters.get(name).is_empty())
    }

    fn error(&self, name: &str) -> Option<&String> {
        self.filters.errors.get(name)
    }

    /// The type of the field for a time: a day, unless the address has a time.
    fn time_type(&self, name: &str) -> &'static str {
        match self.filters.get(name).len() {
            0 | 10 => "date",
            _ => "text",
        }
    }
}

/// `GET /requests`
pub(in crate::http) async fn show(State(app): State<App>, viewer: Viewer, RawQuery(query): RawQuery) -> PageResult {
    let filters = Filters::read(query.as_deref().unwrap_or_default());
    let (status, page) = requests_page(&app, &viewer, filters, Saving::default()).await?;
    Ok(page_response(status, &page))
}

async fn requests_page(
    app: &App,
    viewer: &Viewer,
    mut filters: Filters,
    saving: Saving,
) -> Result<(StatusCode, RequestsPage), HubError> {
    let lists_all = lists_all(viewer);
    if !lists_all && !filters.names_a_person() {
        // Without a right to list, the list is about the person.
        filters.set("requester", "me");
    }
    let filter = filters.filter(viewer);
    let found = if filters.is_valid() {
        app.hub.lines(&viewer.caller, filter, filters.place, ROWS).await
    } else {
        Ok(Lines { lines: Vec::new(), older: None, newer: None })
    };
    let found = match found {
        Ok(found) => found,
        Err(error @ (HubError::Forbidden(_) | HubError::Invalid { .. })) => {
            filters.error = Some(format!("{}.", capital(&error.to_string())));
            Lines { lines: Vec::new(), older: None, newer: None }
        }
        Err(error) => return Err(error),
    };
    let tabs = tabs(&filters, viewer, lists_all, app.hub.views_of_requests(&viewer.caller).await?);
    let status = if filters.is_valid() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = RequestsPage {
        shell: Shell::of(app, viewer, ShellPlace::Requests).await?,
        lists_all,
        may_ask: viewer.caller.may(Right::Ask),
        is_known: tabs.iter().any(|tab| tab.is_here),
        tabs,
        older: found.older.map(|id| filters.page("cursor", id)),
        newer: found.newer.map(|id| filters.page("newer", id)),
        rows: found.lines.into_iter().map(|line| Row::new(line, &viewer.reader, &viewer.session.person)).collect(),
        filters,
        saving,
        nonce: app.hub.session_nonce(&viewer.session),
    };
    Ok((status, page))
}

fn lists_all(viewer: &Viewer) -> bool {
    [Scope::Decider, Scope::Analyst, Scope::Auditor].iter().any(|scope| viewer.caller.has(*scope))
}

/// The lists that everybody has, and the person's own.
fn tabs(filters: &Filters, viewer: &Viewer, lists_all: bool, own: Vec<ViewOfRequests>) -> Vec<Tab> {
    let week = viewer.reader.day_before(7);
    let known: Vec<(&str, String)> = if lists_all {
        vec![
            ("All", String::new()),
            ("Waiting", "status=pending".to_owned()),
            ("Mine", "requester=me".to_owned()),
            ("I decided", "approver=me".to_owned()),
            ("Expired this week", format!("status=expired&from={week}")),
        ]
    } else {
        vec![
            ("Mine", "requester=me".to_owned()),
            ("I decided", "approver=me".to_owned()),
            ("Mine, expired this week", format!("status=expired&requester=me&from={week}")),
        ]
    };
    let here = filters.query();
    let known = known.into_iter().map(|(name, query)| (name.to_owned(), query, false));
    let own = own.into_iter().map(|view| (view.name, view.query, true));
    known
        .chain(own)
        .map(|(name, query, is_own)| Tab {
            is_here: query == here,
            path: if query.is_empty() { "/requests".to_owned() } else { format!("/requests?{query}") },
            name,
            is_own,
        })
        .collect()
}

/// `POST /requests/views`: saves the list that is shown under a name, or deletes that name.
pub(in crate::http) async fn save_view(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> Result<Response, PageError> {
    let mut filters = Filters::read(form.get("query").unwrap_or_default());
    if let Some(name) = form.get("delete") {
        return match app.hub.delete_view_of_requests(&viewer.caller, name).await {
            // What is no longer there is as good as deleted.
            Ok(()) | Err(HubError::NotFound(_)) => Ok(redirect("/requests")),
            Err(error) => Err(error.into()),
        };
    }
    let name = form.get("name").unwrap_or_default().to_owned();
    filters.place = Place::Newest;
    let filter = filters.filter(&viewer);
    if filters.is_valid() {
        let query = filters.saved_query(&filter);
        match app.hub.save_view_of_requests(&viewer.caller, &name, query.clone()).await {
            Ok(_) => return Ok(redirect(&format!("/requests?{query}"))),
            Err(error @ HubError::Invalid { .. }) => {
                let problem = Problem::from(error);
                let saving = Saving { error: Some(format!("{}.", capital(problem.detail()))), name };
                let (_, page) = requests_page(&app, &viewer, filters, saving).await?;
                return Ok(page_response(problem.status(), &page));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (status, page) = requests_page(&app, &viewer, filters, Saving { error: None, name }).await?;
    Ok(page_response(status, &page))
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
