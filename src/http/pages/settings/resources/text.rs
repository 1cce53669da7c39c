//! The whole policy of a resource as the text of a manifest: the same that `countersign apply` reads.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::fields::{body_of, toml_of};
use super::trial::Check;
use crate::approval::ResourceName;
use crate::channels::text::{Part, one_line};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::editor::Editor;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, Manifest, ResourceInput, ResourceTrialInput};
use crate::shape::{line_at, line_of, read_toml};

#[derive(Template)]
#[template(path = "pages/settings/resource_text.html")]
struct ResourceText {
    shell: Shell,
    frame: Frame,
    name: String,
    form: Form,
    editor: Editor,
    check: Option<Check>,
}

async fn page(
    app: &App,
    viewer: &Viewer,
    name: &ResourceName,
    form: Form,
    editor: Editor,
) -> Result<ResourceText, HubError> {
    let (shell, frame) = Frame::of(app, viewer, Section::Resources).await?;
    Ok(ResourceText { shell, frame, name: name.to_string(), form, editor, check: None })
}

/// `GET /settings/resources/{name}/text`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
) -> PageResult {
    let view = app.hub.resource(&viewer.caller, &name).await?;
    let text = toml_of(&name, &body_of(&view)).ok_or_else(|| {
        let detail = "its context schema has a null, which TOML cannot say: change it with PUT /v1/resources/{name}";
        HubError::conflict(Code::InvalidPolicy, detail)
    })?;
    let page = page(&app, &viewer, &name, Form::default(), Editor::of(&text)).await?;
    Ok(page_response(StatusCode::OK, &page))
}

/// Why a text is refused, with its line.
struct Refusal {
    problem: Problem,
    line: Option<usize>,
}

impl Refusal {
    /// A refusal by the hub, whose pointer says where.
    fn at(problem: Problem, name: &ResourceName, text: &str) -> Self {
        let parts = problem.pointer().split('/').skip(1).collect::<Vec<_>>();
        let line = line_at(text, &[&["resources", name.as_str()], parts.as_slice()].concat());
        Self { problem, line }
    }
}

/// The resource that the text describes.
fn read(text: &str, name: &ResourceName) -> Result<ResourceInput, Refusal> {
    let invalid = |detail: &str, line| Refusal { problem: Problem::new(Code::InvalidJson, detail), line };
    let mut manifest: Manifest = read_toml(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        invalid(&one_line(error.message()), line)
    })?;
    let resource = manifest.resources.remove(name);
    let has_others = !manifest.resources.is_empty() || !manifest.groups.is_empty() || !manifest.people.is_empty();
    match resource {
        Some(resource) if !has_others && manifest.endpoints.is_empty() && manifest.templates.is_empty() => Ok(resource),
        Some(_) => Err(invalid(
            &format!("the text may only have resources.{name}: apply other parts with countersign apply"),
            None,
        )),
        None => Err(invalid(&format!("the text does not have resources.{name}: a resource keeps its name"), Some(1))),
    }
}

/// `POST /settings/resources/{name}/text`: saves, or only checks.
pub(in crate::http::pages::settings) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Named(name): Named<ResourceName>,
    form: PostedForm,
) -> PageResult {
    app.hub.resource(&viewer.caller, &name).await?;
    match carried_out(&app, &viewer, &form, &name).await {
        Ok(response) => Ok(response),
        Err(Refusal { problem, line }) => {
            let text = form.get("text").unwrap_or_default();
            let editor = Editor::refused(text, line, problem.detail());
            let page = page(&app, &viewer, &name, Form::posted(&form), editor).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn carried_out(app: &App, viewer: &Viewer, form: &PostedForm, name: &ResourceName) -> Result<Response, Refusal> {
    let text = form.get("text").unwrap_or_default();
    let resource = read(text, name)?;
    let refused = |error: HubError| Refusal::at(Problem::from(error), name, text);
    if form.filled("check").is_none() {
        app.hub.put_resource(&viewer.caller, name.clone(), resource).await.map_err(refused)?;
        return Ok(went_well(&format!("/settings/resources/{name}"), "saved"));
    }
    let command = form.filled("try/command").map(str::to_owned);
    let language = form.filled("try/language").map(str::to_owned);
    let input = ResourceTrialInput { resource, command, language };
    let trial = app.hub.try_resource(&viewer.caller, name.clone(), input).await.map_err(refused)?;
    let page = page(app, viewer, name, Form::posted(form), Editor::of(text)).await.map_err(refused)?;
    Ok(page_response(StatusCode::OK, &ResourceText { check: Some(trial.into()), ..page }))
}
