//! The form that creates or changes a group.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::approval::GroupName;
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::lines;
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{GroupInput, HubError};

#[derive(Template)]
#[template(path = "pages/settings/group_form.html")]
struct GroupForm {
    shell: Shell,
    frame: Frame,
    form: Form,
    /// Of the group that is changed.
    known: Option<String>,
    is_managed: bool,
}

async fn page(app: &App, viewer: &Viewer, form: Form, known: Option<&GroupName>) -> Result<GroupForm, HubError> {
    let (shell, frame) = Frame::of(app, viewer, Section::Groups).await?;
    Ok(GroupForm { shell, frame, form, known: known.map(ToString::to_string), is_managed: false })
}

/// `GET /settings/new/group`
pub(in crate::http::pages::settings) async fn new(State(app): State<App>, viewer: Viewer) -> PageResult {
    Ok(page_response(StatusCode::OK, &page(&app, &viewer, Form::default(), None).await?))
}

/// `POST /settings/new/group`
pub(in crate::http::pages::settings) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    answer(&app, &viewer, &form, None).await
}

/// `GET /settings/groups/{name}/edit`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<GroupName>,
) -> PageResult {
    let group = app.hub.group(&viewer.caller, &name).await?.group;
    let form = Form::of(vec![("members", lines(&group.members)), ("from_claim", lines(&group.from_claim))]);
    let page = GroupForm { is_managed: group.managed_by.is_some(), ..page(&app, &viewer, form, Some(&name)).await? };
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /settings/groups/{name}/edit`
pub(in crate::http::pages::settings) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<GroupName>,
    form: PostedForm,
) -> PageResult {
    app.hub.group(&viewer.caller, &name).await?;
    answer(&app, &viewer, &form, Some(&name)).await
}

async fn answer(app: &App, viewer: &Viewer, form: &PostedForm, known: Option<&GroupName>) -> PageResult {
    match saved(app, viewer, form, known).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = page(app, viewer, Form::refused(form, &problem), known).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn saved(app: &App, viewer: &Viewer, form: &PostedForm, known: Option<&GroupName>) -> Result<Response, Problem> {
    let name = match known {
        Some(name) => name.clone(),
        None => new_name(app, viewer, form.get("name").unwrap_or_default()).await?,
    };
    let input: GroupInput = Draft::of(form).list("members").lines("from_claim").read()?;
    app.hub.put_group(&viewer.caller, name.clone(), input).await?;
    Ok(went_well(&format!("/settings/groups/{name}"), if known.is_some() { "saved" } else { "created" }))
}

/// The name of a group that there is not yet: a form that creates one does not replace another.
async fn new_name(app: &App, viewer: &Viewer, name: &str) -> Result<GroupName, HubError> {
    let name: GroupName = name.trim().parse().map_err(|error: crate::approval::InvalidName| {
        HubError::invalid(Code::InvalidName, "/name", error.to_string())
    })?;
    match app.hub.group(&viewer.caller, &name).await {
        Err(HubError::NotFound(_)) => Ok(name),
        Ok(_) => Err(HubError::invalid(Code::NameTaken, "/name", format!("there is a group {name}: change that one"))),
        Err(error) => Err(error),
    }
}
