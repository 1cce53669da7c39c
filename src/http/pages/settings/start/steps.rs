//! What the steps of the first run do: the same calls as the pages of each part.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::page::StartPage;
use super::recipes::Recipe;
use crate::approval::{GroupName, InvalidName, ResourceName};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::form::Form;
use crate::http::pages::sign_in::redirect;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{Ask, HubError};
use crate::ids::RequestId;

const PATH: &str = "/settings/start";

fn named<T: std::str::FromStr<Err = InvalidName>>(form: &PostedForm, field: &str) -> Result<T, HubError> {
    let name = form.get(field).unwrap_or_default().trim();
    name.parse()
        .map_err(|error: InvalidName| HubError::invalid(Code::InvalidName, format!("/{field}"), error.to_string()))
}

/// Shows the page again with what was typed.
async fn answered(app: &App, viewer: &Viewer, form: &PostedForm, done: Result<Response, Problem>) -> PageResult {
    match done {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = StartPage::new(app, viewer, Form::refused(form, &problem), None).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

/// `POST /settings/start/group`
pub(in crate::http::pages::settings) async fn group(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let done = make_group(&app, &viewer, &form).await;
    answered(&app, &viewer, &form, done).await
}

async fn make_group(app: &App, viewer: &Viewer, form: &PostedForm) -> Result<Response, Problem> {
    let name: GroupName = named(form, "group")?;
    let input = Draft::of(form).list("members").read()?;
    app.hub.put_group(&viewer.caller, name, input).await?;
    Ok(went_well(PATH, "group"))
}

/// `POST /settings/start/resource`
pub(in crate::http::pages::settings) async fn resource(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let done = make_resource(&app, &viewer, &form).await;
    answered(&app, &viewer, &form, done).await
}

async fn make_resource(app: &App, viewer: &Viewer, form: &PostedForm) -> Result<Response, Problem> {
    let recipe = Recipe::of(form.get("recipe").unwrap_or_default());
    let name: ResourceName = match form.filled("resource") {
        Some(_) => named(form, "resource")?,
        None => recipe.resource.parse().map_err(|_| HubError::Missing("the name of a recipe's resource"))?,
    };
    let group: GroupName = named(form, "for")?;
    let body = recipe.body(&group, form.filled("alone").is_some());
    let input = serde_json::from_value(body).map_err(|_| HubError::Missing("the policy of a recipe"))?;
    app.hub.put_resource(&viewer.caller, name, input).await?;
    Ok(went_well(PATH, "resource"))
}

/// `POST /settings/start/sample`: asks for something that does nothing.
pub(in crate::http::pages::settings) async fn sample(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let done = ask(&app, &viewer, &form).await;
    answered(&app, &viewer, &form, done).await
}

async fn ask(app: &App, viewer: &Viewer, form: &PostedForm) -> Result<Response, Problem> {
    let resource: ResourceName = named(form, "about")?;
    let known = app.hub.resource(&viewer.caller, &resource).await?;
    let of_recipe = super::recipes::RECIPES.iter().find(|recipe| Some(recipe.name) == known.description.as_deref());
    let recipe = of_recipe.unwrap_or_else(|| Recipe::of("database"));
    let ask = Ask {
        resource,
        kind: None,
        command: Some(recipe.sample.to_owned()),
        language: Some(recipe.language.to_owned()),
        context: None,
        requester: None,
        beneficiary: None,
        reason: Some("A sample: to see how a decision goes.".to_owned()),
        timeout_seconds: None,
        duration_seconds: None,
        replaces: None,
        labels: BTreeMap::new(),
    };
    let made = app.hub.ask(&viewer.caller, ask, None).await.map_err(|error| about(Problem::from(error)))?;
    let request: Value = serde_json::from_str(&made.request).unwrap_or_default();
    let id = request.get("id").and_then(Value::as_str).and_then(|id| id.parse::<RequestId>().ok());
    let id = id.ok_or(HubError::Missing("the id of a new request"))?;
    Ok(redirect(&format!("{PATH}?sample={id}&done=asked")))
}

/// An error of the ask at the step's only field.
fn about(problem: Problem) -> Problem {
    Problem::new(problem.code(), problem.detail()).at("/about")
}
