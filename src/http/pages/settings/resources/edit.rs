//! The form for the common fields of a resource.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::fields::{body_from, body_of, form_of, rows};
use super::trial::Check;
use crate::approval::{InvalidName, ResourceName};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, ResourceTrialInput};

const ASSURANCES: [(&str, &str); 7] = [
    ("", "the hub's own setting"),
    ("link", "a link"),
    ("recipient", "a link sent to them alone"),
    ("delegated", "a system that signed them in"),
    ("chat", "their account in a chat"),
    ("token", "their own token, or a sign-in"),
    ("sso", "the identity provider"),
];
const DETAILS: [(&str, &str); 3] = [
    ("full", "everything"),
    ("redacted", "without what looks like a secret"),
    ("link_only", "only who, what and the links"),
];

#[derive(Template)]
#[template(path = "pages/settings/resource_form.html")]
struct ResourceForm {
    shell: Shell,
    frame: Frame,
    form: Form,
    /// Of the resource that is changed.
    known: Option<String>,
    /// Whether the policy has parts that only its text shows.
    has_more: bool,
    rows: Vec<String>,
    assurances: [(&'static str, &'static str); 7],
    details: [(&'static str, &'static str); 3],
    check: Option<Check>,
}

/// The stored resource that the form changes; nothing for a new one.
struct Stored {
    name: Option<ResourceName>,
    body: Map<String, Value>,
}

impl Stored {
    async fn of(app: &App, viewer: &Viewer, name: ResourceName) -> Result<Self, HubError> {
        let body = body_of(&app.hub.resource(&viewer.caller, &name).await?);
        Ok(Self { name: Some(name), body })
    }

    fn none() -> Self {
        Self { name: None, body: Map::new() }
    }
}

impl ResourceForm {
    fn in_row(&self, row: &str, field: &str) -> String {
        format!("{row}/{field}")
    }

    /// Whether a field beyond the common ones is filled.
    fn is_special(&self) -> bool {
        let fields = [
            "requester_groups",
            "exempt_groups",
            "conflicted",
            "allow_self_approval",
            "min_assurance",
            "fresh_sign_in_seconds",
            "use_within_seconds",
            "max_duration_seconds",
        ];
        fields.iter().any(|field| self.form.uses(field))
    }
}

async fn page(app: &App, viewer: &Viewer, form: Form, stored: &Stored) -> Result<ResourceForm, HubError> {
    let (shell, frame) = Frame::of(app, viewer, Section::Resources).await?;
    let more = ["break_glass", "reminders", "escalation", "working_hours", "guardrails", "context_schema"];
    Ok(ResourceForm {
        shell,
        frame,
        known: stored.name.as_ref().map(ToString::to_string),
        has_more: more.iter().any(|name| stored.body.contains_key(*name)),
        rows: rows(&form),
        form,
        assurances: ASSURANCES,
        details: DETAILS,
        check: None,
    })
}

/// `GET /settings/new/resource`
pub(in crate::http::pages::settings) async fn new(State(app): State<App>, viewer: Viewer) -> PageResult {
    let form = Form::of(vec![
        ("reject_needed", "1".to_owned()),
        ("detail", "full".to_owned()),
        ("slots/0/needed", "1".to_owned()),
    ]);
    Ok(page_response(StatusCode::OK, &page(&app, &viewer, form, &Stored::none()).await?))
}

/// `POST /settings/new/resource`
pub(in crate::http::pages::settings) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    answer(&app, &viewer, &form, Stored::none()).await
}

/// `GET /settings/resources/{name}/edit`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
) -> PageResult {
    let view = app.hub.resource(&viewer.caller, &name).await?;
    let stored = Stored { name: Some(name), body: body_of(&view) };
    Ok(page_response(StatusCode::OK, &page(&app, &viewer, form_of(&view), &stored).await?))
}

/// `POST /settings/resources/{name}/edit`: saves, or only checks.
pub(in crate::http::pages::settings) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
    form: PostedForm,
) -> PageResult {
    let stored = Stored::of(&app, &viewer, name).await?;
    answer(&app, &viewer, &form, stored).await
}

async fn answer(app: &App, viewer: &Viewer, form: &PostedForm, stored: Stored) -> PageResult {
    match carried_out(app, viewer, form, &stored).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = page(app, viewer, Form::refused(form, &problem), &stored).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn carried_out(app: &App, viewer: &Viewer, form: &PostedForm, stored: &Stored) -> Result<Response, Problem> {
    let name = match &stored.name {
        Some(name) => name.clone(),
        None => new_name(app, viewer, form.get("name").unwrap_or_default()).await?,
    };
    let resource = body_from(form, stored.body.clone()).read()?;
    if form.filled("check").is_none() {
        app.hub.put_resource(&viewer.caller, name.clone(), resource).await?;
        let done = if stored.name.is_some() { "saved" } else { "created" };
        return Ok(went_well(&format!("/settings/resources/{name}"), done));
    }
    let command = form.filled("try/command").map(str::to_owned);
    let language = form.filled("try/language").map(str::to_owned);
    let trial = app.hub.try_resource(&viewer.caller, name, ResourceTrialInput { resource, command, language }).await?;
    let page = page(app, viewer, Form::posted(form), stored).await?;
    Ok(page_response(StatusCode::OK, &ResourceForm { check: Some(trial.into()), ..page }))
}

/// The name of a resource that there is not yet.
pub(super) async fn new_name(app: &App, viewer: &Viewer, name: &str) -> Result<ResourceName, HubError> {
    let invalid = |error: InvalidName| HubError::invalid(Code::InvalidName, "/name", error.to_string());
    let name: ResourceName = name.trim().parse().map_err(invalid)?;
    match app.hub.resource(&viewer.caller, &name).await {
        Err(HubError::NotFound(_)) => Ok(name),
        Ok(_) => {
            Err(HubError::invalid(Code::NameTaken, "/name", format!("there is a resource {name}: change that one")))
        }
        Err(error) => Err(error),
    }
}
