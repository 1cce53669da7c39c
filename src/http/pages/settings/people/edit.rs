//! The form that creates or changes a person.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::approval::Email;
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::{filled, in_path};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, PersonInput};

/// The roles that people may have.
const ROLES: [&str; 3] = ["admin", "auditor", "analyst"];

#[derive(Template)]
#[template(path = "pages/settings/person_form.html")]
struct PersonForm {
    shell: Shell,
    frame: Frame,
    form: Form,
    /// The address of the person that is changed, and the path of their page.
    known: Option<(String, String)>,
    roles: [&'static str; 3],
    zone: String,
}

async fn page(app: &App, viewer: &Viewer, form: Form, known: Option<&Email>) -> Result<PersonForm, HubError> {
    let (shell, frame) = Frame::of(app, viewer, Section::People).await?;
    let known = known.map(|email| (email.to_string(), format!("/settings/people/{}", in_path(email.as_str()))));
    Ok(PersonForm { shell, frame, form, known, roles: ROLES, zone: viewer.reader.zone_name() })
}

/// `GET /settings/new/person`
pub(in crate::http::pages::settings) async fn new(State(app): State<App>, viewer: Viewer) -> PageResult {
    Ok(page_response(StatusCode::OK, &page(&app, &viewer, Form::default(), None).await?))
}

/// `POST /settings/new/person`
pub(in crate::http::pages::settings) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    answer(&app, &viewer, &form, None).await
}

/// `GET /settings/people/{email}/edit`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(email): Named<Email>,
) -> PageResult {
    let person = app.hub.person(&viewer.caller, &email).await?;
    let absence = person.absence.unwrap_or_default();
    let field = |at| viewer.reader.field(at);
    let mut fields = vec![
        ("name", person.name),
        ("absence/from", absence.from.map(field).unwrap_or_default()),
        ("absence/until", absence.until.map(field).unwrap_or_default()),
        ("absence/delegate", filled(absence.delegate)),
    ];
    fields.extend(person.roles.iter().map(|role| ("roles", role.as_str().to_owned())));
    Ok(page_response(StatusCode::OK, &page(&app, &viewer, Form::of(fields), Some(&email)).await?))
}

/// `POST /settings/people/{email}/edit`
pub(in crate::http::pages::settings) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Named(email): Named<Email>,
    form: PostedForm,
) -> PageResult {
    app.hub.person(&viewer.caller, &email).await?;
    answer(&app, &viewer, &form, Some(&email)).await
}

async fn answer(app: &App, viewer: &Viewer, form: &PostedForm, known: Option<&Email>) -> PageResult {
    match saved(app, viewer, form, known).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = page(app, viewer, Form::refused(form, &problem), known).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn saved(app: &App, viewer: &Viewer, form: &PostedForm, known: Option<&Email>) -> Result<Response, Problem> {
    let email = match known {
        Some(email) => email.clone(),
        None => new_address(app, viewer, form.get("email").unwrap_or_default()).await?,
    };
    let reader = &viewer.reader;
    let draft = Draft::of(form).text("name").each("roles");
    let draft = draft.moment("absence/from", reader).moment("absence/until", reader).text("absence/delegate");
    let input: PersonInput = draft.read()?;
    app.hub.put_person(&viewer.caller, email.clone(), input).await?;
    let path = format!("/settings/people/{}", in_path(email.as_str()));
    Ok(went_well(&path, if known.is_some() { "saved" } else { "created" }))
}

/// The address of a person that there is not yet.
async fn new_address(app: &App, viewer: &Viewer, text: &str) -> Result<Email, HubError> {
    let invalid = |_| HubError::invalid(Code::InvalidValue, "/email", format!("{} is no e-mail address", text.trim()));
    let email: Email = text.trim().parse().map_err(invalid)?;
    match app.hub.person(&viewer.caller, &email).await {
        Err(HubError::NotFound(_)) => Ok(email),
        Ok(_) => {
            Err(HubError::invalid(Code::NameTaken, "/email", format!("{email} is here already: change that person")))
        }
        Err(error) => Err(error),
    }
}
