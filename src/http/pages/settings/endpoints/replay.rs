//! Replays of an endpoint: counted first, then started, and their progress.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::reader::Reader;
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::once::{once, repeatable};
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, ReplayAnswer, ReplayInput};
use crate::ids::{EndpointId, ReplayId};
use crate::store::events::KINDS;
use crate::store::replays::{Replay, ReplayState};

/// The states that can be replayed.
const STATES: [&str; 6] = ["failed", "expired", "superseded", "discarded", "delivered", "accepted"];
/// Earlier replays on the page.
const MANY: u32 = 10;

#[derive(Template)]
#[template(path = "pages/settings/replay.html")]
struct ReplayPage {
    shell: Shell,
    frame: Frame,
    id: String,
    name: String,
    form: Form,
    states: [&'static str; 6],
    kinds: [&'static str; 24],
    /// How many match, once it was counted.
    matched: Option<u64>,
    earlier: Vec<Line>,
    once: String,
    zone: String,
}

/// A replay.
pub(super) struct Line {
    id: String,
    state: &'static str,
    is_running: bool,
    at: PageTime,
    by: String,
    matched: u64,
    replayed: u64,
    rate: u32,
    percent: u64,
}

impl Line {
    fn of(replay: &Replay, reader: &Reader) -> Self {
        Self {
            id: replay.id.to_string(),
            state: match replay.state {
                ReplayState::Running => "running",
                ReplayState::Finished => "finished",
                ReplayState::Cancelled => "cancelled",
            },
            is_running: replay.state == ReplayState::Running,
            at: reader.time(replay.created_at),
            by: replay.created_by.clone(),
            matched: replay.matched,
            replayed: replay.replayed,
            rate: replay.rate_per_second,
            percent: (replay.replayed * 100).checked_div(replay.matched).unwrap_or(100).min(100),
        }
    }
}

async fn replay_page(app: &App, viewer: &Viewer, id: EndpointId, form: Form) -> Result<ReplayPage, HubError> {
    let known = app.hub.endpoint(&viewer.caller, id).await?.endpoint;
    let earlier = app.hub.replays(&viewer.caller, id, MANY, None).await?.items;
    let (shell, frame) = Frame::of(app, viewer, Section::Endpoints).await?;
    Ok(ReplayPage {
        shell,
        frame,
        id: id.to_string(),
        name: known.name.to_string(),
        form,
        states: STATES,
        kinds: KINDS,
        matched: None,
        earlier: earlier.iter().map(|replay| Line::of(replay, &viewer.reader)).collect(),
        once: once(),
        zone: viewer.reader.zone_name(),
    })
}

/// `GET /settings/endpoints/{id}/replay`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    query: PageQuery,
) -> PageResult {
    let form = Form::of(vec![("states", "failed".to_owned()), ("rate_per_second", "50".to_owned())]);
    let page = replay_page(&app, &viewer, id, form).await?;
    let frame = page.frame.after(&query);
    Ok(page_response(StatusCode::OK, &ReplayPage { frame, ..page }))
}

/// The body of the call.
fn body<'f>(form: &'f PostedForm, reader: &Reader) -> Draft<'f> {
    let draft = Draft::of(form).each("states").each("events").number("rate_per_second");
    draft.moment("from", reader).moment("to", reader)
}

/// `POST /settings/endpoints/{id}/replay`: counts, or starts.
pub(in crate::http::pages::settings) async fn start(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    form: PostedForm,
) -> PageResult {
    match started(&app, &viewer, id, &form).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = replay_page(&app, &viewer, id, Form::refused(&form, &problem)).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn started(app: &App, viewer: &Viewer, id: EndpointId, form: &PostedForm) -> Result<Response, Problem> {
    let draft = body(form, &viewer.reader);
    let key = repeatable(form, &draft.bytes())?;
    let input = ReplayInput { dry_run: form.filled("start").is_none(), ..draft.read()? };
    match app.hub.replay(&viewer.caller, id, input, key).await? {
        ReplayAnswer::Started(replay) => Ok(went_well(&format!("/settings/replays/{}", replay.id), "replay")),
        ReplayAnswer::Counted { matched, .. } => {
            let page = replay_page(app, viewer, id, Form::posted(form)).await?;
            Ok(page_response(StatusCode::OK, &ReplayPage { matched: Some(matched), ..page }))
        }
    }
}

#[derive(Template)]
#[template(path = "pages/settings/replay_progress.html")]
struct ProgressPage {
    shell: Shell,
    frame: Frame,
    endpoint: String,
    replay: Line,
}

/// `GET /settings/replays/{id}`
pub(in crate::http::pages::settings) async fn progress(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<ReplayId>,
    query: PageQuery,
) -> PageResult {
    let replay = app.hub.show_replay(&viewer.caller, id).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Endpoints).await?;
    let (endpoint, replay) = (replay.endpoint_id.to_string(), Line::of(&replay, &viewer.reader));
    Ok(page_response(StatusCode::OK, &ProgressPage { shell, frame: frame.after(&query), endpoint, replay }))
}

/// `POST /settings/replays/{id}/cancel`
pub(in crate::http::pages::settings) async fn cancel(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<ReplayId>,
    _: PostedForm,
) -> PageResult {
    app.hub.cancel_replay(&viewer.caller, id).await?;
    Ok(went_well(&format!("/settings/replays/{id}"), "cancelled"))
}
