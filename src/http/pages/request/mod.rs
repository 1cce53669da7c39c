//! The page of a request: what is asked, by whom and why, who decides, what happened, and the forms to act on it.

mod act;
mod answer;
mod before;
mod changed;
mod decide;
mod edit;
mod log;
mod outcome;
mod people;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use self::before::Before;
use self::decide::DecideShown;
use self::log::LogLine;
use self::outcome::{Fact, Outcome};
use self::people::{Names, PersonSlot, slots_shown};
use super::layout::{PageResult, page_response};
use super::reader::{Reader, TimeLeft, brief};
use super::shell::{Place, Shell};
use super::shown::{ChangeShown, CommandShown, Given};
use super::time::PageTime;
use super::viewer::Viewer;
use crate::approval::Status;
use crate::channels::text::{Listing, Part};
use crate::http::App;
use crate::http::cookies;
use crate::http::visitor::PathText;
use crate::hub::{Dossier, HubError, LinkDecision, REMINDER_PAUSE, RequestView, Step};
use crate::identity::Right;
use crate::ids::RequestId;

pub(in crate::http) use self::act::{cancel, comment, remind, vote};
pub(in crate::http) use self::edit::{check, edit, revise, show_revise};

#[derive(Template)]
#[template(path = "pages/request.html")]
struct RequestPage {
    shell: Shell,
    nonce: String,
    id: String,
    title: String,
    who: Who,
    asks: String,
    resource: String,
    reason: Option<Listing>,
    outcome: Option<Outcome>,
    left: TimeLeft,
    high_risk: bool,
    undecidable: bool,
    /// Why the reader is asked, in a sentence; none if they are not.
    why_asked: Option<String>,
    findings: Vec<(String, Option<String>)>,
    command: Option<CommandShown>,
    change: Option<ChangeShown>,
    given: Given,
    decide: Option<DecideShown>,
    /// Why the reader cannot decide, although they might expect to.
    no_vote: Option<&'static str>,
    may_change: bool,
    may_remind: bool,
    /// Whether the reader may comment.
    may_comment: bool,
    /// The comment that was refused.
    comment: String,
    /// When somebody reminded last, and from when on one may again.
    reminded: Option<(PageTime, Option<PageTime>)>,
    before: Before,
    log: Vec<LogLine>,
    /// A form that was refused: which one, and why.
    refused: Option<Refused>,
    slots: Vec<PersonSlot>,
    missing: Option<String>,
    /// Whether the reader may ask for the same once more.
    asks_again: bool,
    revision: u32,
    digest: String,
    created_at: PageTime,
}

/// Who asks, and for whom.
struct Who {
    /// As the heading says it.
    name: String,
    is_you: bool,
    email: Option<String>,
    acting_for: Option<String>,
    beneficiary: Option<String>,
}

/// A form that was not carried out.
pub(super) struct Refused {
    pub(super) form: Form,
    pub(super) detail: String,
    /// The text of a comment.
    pub(super) typed: Option<String>,
}

/// The forms of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Decide,
    Cancel,
    Comment,
}

/// `GET /requests/{id}`
pub(in crate::http) async fn show(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    headers: HeaderMap,
) -> PageResult {
    let id = parse_id(&id)?;
    let dossier = app.hub.dossier(&viewer.caller, id).await?;
    let draft = match cookies::read(&headers, cookies::DRAFT).filter(|_| dossier.request.status == Status::Pending) {
        Some(secret) => app.hub.request_draft(id, secret).await?,
        None => None,
    };
    Ok(page_response(StatusCode::OK, &RequestPage::new(&app, &viewer, dossier, draft.as_ref(), None).await?))
}

/// The id of a path. One that is none names no request.
fn parse_id(text: &str) -> Result<RequestId, HubError> {
    text.parse().map_err(|_| HubError::NotFound("request"))
}

/// The path of a request's page.
fn path(id: RequestId) -> String {
    format!("/requests/{id}")
}

impl RequestPage {
    async fn new(
        app: &App,
        viewer: &Viewer,
        dossier: Dossier,
        typed: Option<&LinkDecision>,
        refused: Option<Refused>,
    ) -> Result<Self, HubError> {
        let shell = Shell::of(app, viewer, Place::Requests).await?;
        let nonce = app.hub.session_nonce(&viewer.session);
        Ok(Self::from_parts((shell, nonce), viewer, dossier, typed, refused))
    }

    fn from_parts(
        (shell, nonce): (Shell, String),
        viewer: &Viewer,
        dossier: Dossier,
        typed: Option<&LinkDecision>,
        refused: Option<Refused>,
    ) -> Self {
        let Dossier { request, explanation, names, history, steps, high_risk, .. } = dossier;
        let (reader, names) = (&viewer.reader, Names::new(names, &viewer.session.person));
        let you = &explanation.you;
        let who = Who::new(&request, &names);
        let asks = asks(&request, who.is_you);
        let outcome = Outcome::new(&request, &names, reader);
        let left = reader.left(request.expires_at);
        let heading = format!("{} {asks} {}", who.subject(), request.resource);
        let title = match &outcome {
            Some(outcome) => format!("{}: {heading}", outcome.heading),
            None => format!("{} left: {heading}", left.text),
        };
        let is_open = request.status == Status::Pending;
        let asks_again = !is_open && who.is_you && viewer.caller.may(Right::Ask);
        Self {
            shell,
            nonce,
            title,
            who,
            asks,
            outcome,
            left,
            high_risk,
            undecidable: request.undecidable,
            why_asked: people::why_asked(you, &names),
            findings: findings(&request),
            command: CommandShown::new(&request),
            change: request.change.as_ref().map(ChangeShown::new),
            decide: DecideShown::new(&request, you, &names, typed),
            no_vote: (is_open && you.seats.is_empty() && you.may_only_reject).then_some(
                "You may not decide this request: you made it, it is for you, or the resource excludes you.",
            ),
            may_change: you.may_change,
            may_remind: you.may_remind,
            may_comment: you.may_comment,
            comment: refused.as_ref().and_then(|refused| refused.typed.clone()).unwrap_or_default(),
            reminded: reminded(&steps, reader).filter(|_| is_open),
            before: Before::new(&history, &request, &names, reader),
            log: log::lines(&steps, &names, reader),
            refused,
            slots: slots_shown(&request, &explanation.slots, &names, reader),
            missing: is_open.then(|| explanation.missing.clone()),
            asks_again,
            id: request.id.to_string(),
            resource: request.resource.to_string(),
            reason: request.reason.as_deref().map(Listing::of),
            revision: request.revision,
            digest: request.digest.to_string(),
            created_at: reader.time(request.created_at),
            given: Given::new(&request).without_reason(),
        }
    }

    /// The error of a form, if that one was refused.
    fn error_of(&self, form: Form) -> Option<&Refused> {
        self.refused.as_ref().filter(|refused| refused.form == form)
    }

    fn decide_error(&self) -> Option<&Refused> {
        self.error_of(Form::Decide)
    }

    fn cancel_error(&self) -> Option<&Refused> {
        self.error_of(Form::Cancel)
    }

    fn comment_error(&self) -> Option<&Refused> {
        self.error_of(Form::Comment)
    }

    fn short_digest(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }
}

impl Who {
    fn new(request: &RequestView, names: &Names) -> Self {
        let requester = &request.requester;
        let email = requester.email.as_ref();
        let named = |person: &Option<crate::approval::Email>| person.as_ref().map(|person| names.with_address(person));
        Self {
            name: email.map_or_else(|| "A system".to_owned(), |email| names.name(email)),
            is_you: email.is_some_and(|email| names.is_you(email)),
            email: email.filter(|email| names.name(email) != email.as_str()).map(ToString::to_string),
            acting_for: named(&requester.acting_for),
            beneficiary: named(&request.beneficiary),
        }
    }

    fn subject(&self) -> &str {
        if self.is_you { "You" } else { &self.name }
    }
}

/// What is asked for, between the person and the resource: `asks to run a command on`.
fn asks(request: &RequestView, is_you: bool) -> String {
    let asks = if is_you { "ask" } else { "asks" };
    match request.duration_seconds {
        Some(seconds) => format!("{asks} for {} of access to", brief(u64::from(seconds))),
        None => format!("{asks} to run a command on"),
    }
}

/// When somebody reminded last, and from when on one may again, if that is still to come.
fn reminded(steps: &[Step], reader: &Reader) -> Option<(PageTime, Option<PageTime>)> {
    let last = steps.iter().rev().find(|step| step.what == "request.reminded")?.at;
    let again = last + REMINDER_PAUSE;
    Some((reader.time(last), (again > reader.now).then(|| reader.time(again))))
}

/// The rules that require approval, with their reasons.
fn findings(request: &RequestView) -> Vec<(String, Option<String>)> {
    request.asking_rules.iter().map(|finding| (finding.rule.to_string(), finding.reason.clone())).collect()
}
