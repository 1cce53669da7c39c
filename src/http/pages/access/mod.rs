//! The page with access for a limited time: what the person has, what others have, and what has ended.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::{PageError, PageResult, page_response};
use super::reader::{Reader, TimeLeft};
use super::shell::{Place, Shell};
use super::sign_in::redirect;
use super::time::PageTime;
use super::viewer::{PostedForm, Viewer};
use crate::approval::{Email, GrantStatus};
use crate::channels::text::{Listing, Part, one_line};
use crate::http::App;
use crate::http::extract::Segment;
use crate::hub::{AccessLine, HubError};
use crate::identity::Right;
use crate::ids::GrantId;

/// Access of each list.
const LISTED: u32 = 50;

#[derive(Template)]
#[template(path = "pages/access.html")]
struct AccessPage {
    shell: Shell,
    own: Vec<Line>,
    others: Option<Vec<Line>>,
    /// Whether there is more than is listed.
    more: bool,
    ended: Vec<Line>,
    older: Option<String>,
    /// Whether this is not the first page of what has ended.
    is_later: bool,
    may_ask: bool,
    may_end: bool,
    nonce: String,
}

/// Access in a list.
struct Line {
    id: String,
    request: String,
    resource: String,
    who: String,
    /// The time left; none before the beginning.
    left: Option<TimeLeft>,
    starts: PageTime,
    ends: PageTime,
    /// The whole window, in words.
    lasts: String,
    what: String,
    reason: Option<Listing>,
    approved_by: Vec<String>,
    end: End,
}

/// How access ended, or why it has not.
struct End {
    /// A CSS class.
    mood: &'static str,
    how: String,
    reason: Option<Listing>,
}

impl Line {
    fn new(line: AccessLine, reader: &Reader, me: &Email) -> Self {
        let AccessLine { grant, command, reason, approved_by } = line;
        let name = |person: &Email| if person == me { "you".to_owned() } else { person.to_string() };
        let (mood, how) = match (grant.status, &grant.ended_by) {
            (GrantStatus::Revoked, Some(by)) if *by == grant.requester => ("", format!("ended by {}", name(by))),
            (GrantStatus::Revoked, Some(by)) => ("no", format!("revoked by {}", name(by))),
            (GrantStatus::Revoked, None) => ("no", "revoked".to_owned()),
            (GrantStatus::Ended, _) => ("", "its time was over".to_owned()),
            (GrantStatus::Scheduled | GrantStatus::Active, _) => ("", String::new()),
        };
        Self {
            id: grant.id.to_string(),
            request: grant.request.to_string(),
            resource: grant.resource.to_string(),
            who: name(&grant.requester),
            left: (grant.starts_at <= reader.now).then(|| reader.left(grant.ends_at)),
            starts: reader.time(grant.starts_at),
            ends: reader.time(grant.ended_at.unwrap_or(grant.ends_at)),
            lasts: super::reader::brief(grant.ends_at.since(grant.starts_at).as_secs()),
            what: one_line(command.trim()),
            reason: reason.filter(|reason| !reason.trim().is_empty()).map(|reason| Listing::of(&reason)),
            approved_by: approved_by.iter().map(name).collect(),
            end: End { mood, how, reason: grant.reason.map(|reason| Listing::of(&reason)) },
        }
    }
}

/// `GET /access`
pub(in crate::http) async fn show(State(app): State<App>, viewer: Viewer, RawQuery(query): RawQuery) -> PageResult {
    let mut pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let cursor = pairs.find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned());
    let found = app.hub.access_overview(&viewer.caller, LISTED, cursor.as_deref()).await?;
    let lines = |lines: Vec<AccessLine>| -> Vec<Line> {
        lines.into_iter().map(|line| Line::new(line, &viewer.reader, &viewer.session.person)).collect()
    };
    let page = AccessPage {
        shell: Shell::of(&app, &viewer, Place::Access).await?,
        own: lines(found.own),
        others: found.others.map(lines),
        more: found.more,
        older: found.ended.next_cursor.map(|cursor| format!("/access?cursor={cursor}")),
        ended: lines(found.ended.items),
        is_later: cursor.is_some(),
        may_ask: viewer.caller.may(Right::Ask),
        may_end: viewer.caller.may(Right::Revoke),
        nonce: app.hub.session_nonce(&viewer.session),
    };
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /access/{id}/end`
pub(in crate::http) async fn end(
    State(app): State<App>,
    viewer: Viewer,
    Segment(id): Segment<String>,
    form: PostedForm,
) -> Result<Response, PageError> {
    let id: GrantId = id.parse().map_err(|_| HubError::NotFound("grant"))?;
    let reason = form.filled("reason").map(str::to_owned);
    match app.hub.revoke_grant(&viewer.caller, id, reason).await {
        // One whose time was over meanwhile is as good as ended.
        Ok(_) | Err(HubError::Use(_)) => Ok(redirect("/access")),
        Err(error) => Err(error.into()),
    }
}
