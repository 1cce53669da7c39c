//! Rejecting all that matches a filter: first what would be rejected is listed, then it is rejected.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::ticked::answer;
use crate::approval::{Kind, limits};
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::shell::{Place, Shell};
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::hub::{BulkFilter, BulkItem, BulkReject};
use crate::time::Timestamp;

#[derive(Template)]
#[template(path = "pages/inbox_reject.html")]
struct RejectPage {
    shell: Shell,
    nonce: String,
    typed: Typed,
    errors: Errors,
    found: Option<Found>,
}

/// What the fields contain.
#[derive(Debug, Default)]
struct Typed {
    resource: String,
    requester: String,
    group: String,
    kind: String,
    reason: String,
}

/// What is wrong with the fields.
#[derive(Debug, Default)]
struct Errors {
    resource: Option<String>,
    requester: Option<String>,
    group: Option<String>,
    reason: Option<String>,
    /// Of the form as a whole.
    form: Option<String>,
}

/// What would be rejected.
struct Found {
    lines: Vec<Line>,
    /// Whether more match.
    more: bool,
    /// Requests that are asked from this time on are not rejected: they are not in the list.
    to: String,
}

/// One request that would be rejected.
struct Line {
    id: String,
    who: String,
    resource: String,
    /// The first line of the command, in a list.
    command: String,
    digest: String,
}

impl Errors {
    const fn is_empty(&self) -> bool {
        self.resource.is_none() && self.requester.is_none() && self.group.is_none() && self.reason.is_none()
    }
}

impl Line {
    fn new(item: &BulkItem) -> Option<Self> {
        let request = item.request.as_ref()?;
        let first = request.command.lines().next().unwrap_or_default();
        Some(Self {
            id: item.id.to_string(),
            who: request.requester.who(),
            resource: request.resource.to_string(),
            command: crate::channels::text::shortened(first, 120),
            digest: item.digest.to_string().chars().take(12).collect(),
        })
    }
}

/// `GET /inbox/reject`
pub(in crate::http) async fn show(State(app): State<App>, viewer: Viewer) -> PageResult {
    let page = page(&app, &viewer, Typed::default(), Errors::default(), None).await?;
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /inbox/reject`: lists what would be rejected; with `step=reject`, rejects it.
pub(in crate::http) async fn submit(State(app): State<App>, viewer: Viewer, form: PostedForm) -> PageResult {
    let text = |name| form.get(name).unwrap_or_default().trim().to_owned();
    let typed = Typed {
        resource: text("resource"),
        requester: text("requester"),
        group: text("group"),
        kind: text("kind"),
        reason: text("reason"),
    };
    let (filter, errors) = read(&typed);
    if !errors.is_empty() {
        let page = page(&app, &viewer, typed, errors, None).await?;
        return Ok(page_response(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let seen = form.filled("to").and_then(|text| text.parse::<Timestamp>().ok());
    let is_final = form.get("step") == Some("reject") && seen.is_some();
    let to = seen.filter(|_| is_final).unwrap_or_else(|| app.hub.now());
    let filter = BulkFilter { to: Some(to), ..filter };
    let input = BulkReject { filter, reason: typed.reason.clone(), dry_run: !is_final, on_behalf_of: None };
    match app.hub.bulk_reject(&viewer.caller, input).await {
        Ok(done) if is_final => Ok(answer(&app, &viewer, "rejected", done.items, "/".to_owned()).await?),
        Ok(listed) => {
            let lines = listed.items.iter().filter_map(Line::new).collect();
            let found = Found { lines, more: listed.more, to: to.to_string() };
            Ok(page_response(StatusCode::OK, &page(&app, &viewer, typed, errors, Some(found)).await?))
        }
        Err(error) => {
            let problem = crate::http::Problem::from(error);
            let errors = Errors { form: Some(problem.detail().to_owned()), ..errors };
            Ok(page_response(problem.status(), &page(&app, &viewer, typed, errors, None).await?))
        }
    }
}

async fn page(
    app: &App,
    viewer: &Viewer,
    typed: Typed,
    errors: Errors,
    found: Option<Found>,
) -> Result<RejectPage, crate::hub::HubError> {
    let shell = Shell::of(app, viewer, Place::Inbox).await?;
    Ok(RejectPage { shell, nonce: app.hub.session_nonce(&viewer.session), typed, errors, found })
}

/// The filter that the fields describe, or what is wrong with them.
fn read(typed: &Typed) -> (BulkFilter, Errors) {
    let mut errors = Errors::default();
    let filter = BulkFilter {
        resource: parsed(&typed.resource, &mut errors.resource),
        requester: parsed(&typed.requester, &mut errors.requester),
        group: parsed(&typed.group, &mut errors.group),
        kind: match typed.kind.as_str() {
            "action" => Some(Kind::Action),
            "jit" => Some(Kind::Jit),
            _ => None,
        },
        ..BulkFilter::default()
    };
    if typed.reason.is_empty() {
        errors.reason = Some("Say why: the requesters read it.".to_owned());
    } else if typed.reason.len() > limits::REASON {
        errors.reason = Some(format!("At most {} bytes.", limits::REASON));
    }
    (filter, errors)
}

/// A field that may be empty.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str, error: &mut Option<String>) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    text.parse().map_err(|problem: T::Err| *error = Some(problem.to_string())).ok()
}
