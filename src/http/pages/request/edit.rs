//! The editor: approve another command than the requested one, or change one's own request. `Check` shows what differs and
//! what the rules say.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{back, coded};
use super::decide::{is_editable, typed};
use super::parse_id;
use super::people::Names;
use crate::channels::text::{Listing, Part};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::reader::TimeLeft;
use crate::http::pages::shell::{Place, Shell};
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::visitor::PathText;
use crate::http::{App, Problem};
use crate::hub::{ChangeTrial, Dossier, HubError, LinkDecision, RequestView, ReviseInput, TryChange};
use crate::ids::RequestId;

/// What the editor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An approver approves another command.
    Approve,
    /// The requester, or an admin, changes the request.
    Revise,
}

#[derive(Template)]
#[template(path = "pages/request_edit.html")]
pub(super) struct EditPage {
    shell: Shell,
    nonce: String,
    id: String,
    approves: bool,
    resource: String,
    language: Option<String>,
    left: TimeLeft,
    wanted: Option<Listing>,
    revision: u32,
    digest: String,
    command: String,
    reason: String,
    seat: String,
    error: Option<String>,
    trial: Option<TrialShown>,
    /// Whose approvals no longer count after the change.
    voided: Option<String>,
}

/// What a changed command would bring about.
struct TrialShown {
    /// None if nothing differs.
    diff: Option<Listing>,
    denied: Option<(String, Option<String>)>,
    asking: Vec<(String, Option<String>)>,
    unclear: bool,
}

/// `GET /requests/{id}/edit`
pub(in crate::http) async fn edit(State(app): State<App>, PathText(id): PathText, viewer: Viewer) -> PageResult {
    open(&app, &viewer, parse_id(&id)?, Purpose::Approve).await
}

/// `GET /requests/{id}/revise`
pub(in crate::http) async fn show_revise(State(app): State<App>, PathText(id): PathText, viewer: Viewer) -> PageResult {
    open(&app, &viewer, parse_id(&id)?, Purpose::Revise).await
}

async fn open(app: &App, viewer: &Viewer, id: RequestId, purpose: Purpose) -> PageResult {
    let dossier = app.hub.dossier(&viewer.caller, id).await?;
    let you = &dossier.explanation.you;
    let may = match purpose {
        Purpose::Approve => !you.seats.is_empty() && !you.may_only_reject,
        Purpose::Revise => you.may_change,
    };
    if !may || !is_editable(&dossier.request) {
        // Where nothing can be edited, the request's page says why.
        return Ok(crate::http::pages::sign_in::redirect(&super::path(id)));
    }
    let command = dossier.request.command.clone();
    let page = EditPage::new(app, viewer, dossier, purpose, (command, LinkDecision::default())).await?;
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /requests/{id}/edit`: shows what a changed command would bring about. Changes nothing.
pub(in crate::http) async fn check(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let id = parse_id(&id)?;
    let purpose = if form.get("purpose") == Some("revise") { Purpose::Revise } else { Purpose::Approve };
    let command = form.get("command").unwrap_or_default().to_owned();
    let dossier = app.hub.dossier(&viewer.caller, id).await?;
    let tried = app.hub.try_change(&viewer.caller, id, TryChange { command: command.clone() }).await;
    let page = EditPage::new(&app, &viewer, dossier, purpose, (command, typed(&form))).await?;
    match tried {
        Ok(trial) => Ok(page_response(StatusCode::OK, &page.with_trial(trial))),
        Err(error @ HubError::Invalid { .. }) => Ok(again(page, error)),
        Err(error) => Err(error.into()),
    }
}

/// `POST /requests/{id}/revise`
pub(in crate::http) async fn revise(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let id = parse_id(&id)?;
    let command = form.get("command").unwrap_or_default().to_owned();
    let revised = match form.get("revision").and_then(|text| text.parse().ok()) {
        Some(seen) => {
            let input = ReviseInput {
                command: Some(command.clone()),
                reason: form.filled("reason").map(str::to_owned),
                revision: Some(seen),
                ..ReviseInput::default()
            };
            app.hub.revise(&viewer.caller, id, input).await
        }
        None => {
            let detail = "this form is incomplete: open the request again";
            Err(HubError::invalid(Code::FormStale, "/revision", detail))
        }
    };
    match revised {
        Ok(_) => Ok(back(&form, id)),
        Err(error @ (HubError::Invalid { .. } | HubError::Refused { .. })) => {
            let dossier = app.hub.dossier(&viewer.caller, id).await?;
            let page = EditPage::new(&app, &viewer, dossier, Purpose::Revise, (command, typed(&form))).await?;
            Ok(again(page, error))
        }
        Err(error) => Err(error.into()),
    }
}

/// The editor again, with the error.
fn again(page: EditPage, error: HubError) -> Response {
    let problem = Problem::from(error);
    let page = page.refused(problem.detail().to_owned());
    coded(page_response(problem.status(), &page), &problem)
}

impl EditPage {
    pub(super) async fn new(
        app: &App,
        viewer: &Viewer,
        dossier: Dossier,
        purpose: Purpose,
        (command, typed): (String, LinkDecision),
    ) -> Result<Self, HubError> {
        let Dossier { request, names, .. } = dossier;
        let names = Names::new(names, &viewer.session.person);
        Ok(Self {
            shell: Shell::of(app, viewer, Place::Requests).await?,
            nonce: app.hub.session_nonce(&viewer.session),
            id: request.id.to_string(),
            approves: purpose == Purpose::Approve,
            resource: request.resource.to_string(),
            language: request.language.clone().filter(|language| crate::channels::is_language(language)),
            left: viewer.reader.left(request.expires_at),
            wanted: request.reason.as_deref().map(Listing::of),
            revision: request.revision,
            digest: request.digest.to_string(),
            command,
            reason: typed.reason.unwrap_or_default(),
            seat: typed.seat.unwrap_or_default(),
            error: None,
            trial: None,
            voided: voided(&request, &names),
        })
    }

    pub(super) fn refused(self, detail: String) -> Self {
        Self { error: Some(detail), ..self }
    }

    fn with_trial(self, trial: ChangeTrial) -> Self {
        let rule = |rule: crate::hub::AskingRule| (rule.rule.to_string(), rule.reason);
        let trial = TrialShown {
            diff: (!trial.diff.is_empty()).then(|| Listing::of_diff(&trial.diff).with_words()),
            denied: trial.denied.map(rule),
            asking: trial.asking_rules.into_iter().map(rule).collect(),
            unclear: trial.unclear,
        };
        Self { trial: Some(trial), ..self }
    }
}

/// Whose votes a change takes back.
fn voided(request: &RequestView, names: &Names) -> Option<String> {
    let live = request.votes.iter().filter(|vote| !vote.voided).map(|vote| &vote.person);
    Some(names.all(live)).filter(|names| !names.is_empty())
}
