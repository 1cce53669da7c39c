//! The page on which a person confirms a device: they enter its code, or open a link with it, and press a button.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::page_response;
use super::message::{Back, MessagePage};
use super::problem_page;
use super::time::PageTime;
use super::viewer::Viewer;
use crate::codes::Code;
use crate::http::client_address::ClientAddress;
use crate::http::extract::read_body;
use crate::http::form_guard::is_same_origin;
use crate::http::pages::shell::Shell;
use crate::http::{App, Problem};
use crate::hub::HubError;
use crate::identity::{DeviceAuthorization, Session, UserCode};

/// Longest code that is shown again: one with all kinds of fillers is shorter.
const MAX_TYPED: usize = 64;

/// The form for the code.
#[derive(Template)]
#[template(path = "pages/device_code.html")]
struct CodePage {
    shell: Shell,
    person: String,
    error: Option<String>,
    typed: String,
}

/// What the person confirms or denies.
#[derive(Template)]
#[template(path = "pages/device.html")]
struct DevicePage {
    shell: Shell,
    person: String,
    code: String,
    client: String,
    name: String,
    address: String,
    created_at: PageTime,
    expires_at: PageTime,
    nonce: String,
}

/// `GET /device`. Changes nothing, also with a code: links are opened by scanners, and sent by strangers.
pub(in crate::http) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    client: Option<Extension<ClientAddress>>,
    RawQuery(query): RawQuery,
) -> Response {
    let (own, client) = (&viewer.session, client.map(|Extension(client)| client));
    let mut pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let code = pairs.find(|(name, _)| name == "code").map(|(_, value)| value.into_owned());
    match code.as_deref().map(str::trim) {
        None | Some("") => code_page(own, StatusCode::OK, None, ""),
        Some(typed) => match found(&app, client.as_ref(), typed).await {
            Ok((code, device)) => page_response(StatusCode::OK, &DevicePage::new(&app, &viewer, &code, device)),
            Err(problem) => refused(own, &problem, typed),
        },
    }
}

/// The device with that code. Wrong codes are counted, and too many end the search.
async fn found(
    app: &App,
    client: Option<&ClientAddress>,
    typed: &str,
) -> Result<(UserCode, DeviceAuthorization), Problem> {
    let client = app.limits.counted(client);
    app.limits.may_attempt(client)?;
    match app.hub.waiting_device(typed).await {
        Ok(found) => Ok(found),
        Err(error @ HubError::Invalid { .. }) => {
            app.limits.count_failure(client)?;
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /device`
pub(in crate::http) async fn decide(
    State(app): State<App>,
    Extension(own): Extension<Arc<Session>>,
    client: Option<Extension<ClientAddress>>,
    request: Request,
) -> Response {
    let is_own_page = is_same_origin(request.headers());
    let body = match read_body(request, &app).await {
        Ok(body) => body,
        Err(problem) => return problem_page(&problem),
    };
    let form = DecisionForm::read(&body);
    let code = UserCode::parse(&form.code);
    let is_genuine = |code: &UserCode| is_own_page && app.hub.check_form_nonce(&bound_to(&own, code), &form.nonce);
    let (Some(confirm), Some(_)) = (form.confirm, code.filter(is_genuine)) else {
        let text = "The page was open for too long, or the form came from elsewhere. Nothing was done.";
        let back = Back { label: "Enter the code again", path: "/device".to_owned() };
        return page_response(StatusCode::FORBIDDEN, &MessagePage::new("Please try again", text, Some(back)));
    };
    let limited = app.limits.may_attempt(app.limits.counted(client.as_ref().map(|Extension(client)| client)));
    if let Err(problem) = limited {
        return problem_page(&problem);
    }
    match app.hub.decide_device(&own, &form.code, confirm).await {
        Ok(_) if confirm => {
            let text = format!(
                "The device acts as {} from now on: go back to it. You can close this page. Your account page shows where you \
                 are signed in, and ends each session.",
                own.person
            );
            let back = Back { label: "Your account", path: "/account".to_owned() };
            page_response(StatusCode::OK, &MessagePage::new("The device is signed in", &text, Some(back)))
        }
        Ok(_) => {
            let text = "The device was not signed in. If somebody sent you the code, tell your security team.";
            page_response(StatusCode::OK, &MessagePage::new("Denied", text, None))
        }
        Err(error) => refused(&own, &Problem::from(error), &form.code),
    }
}

/// The form again with the problem, if another code can help.
fn refused(own: &Session, problem: &Problem, typed: &str) -> Response {
    if problem.code() != Code::CodeInvalid {
        return problem_page(problem);
    }
    code_page(own, problem.status(), Some(problem.detail().to_owned()), typed)
}

fn code_page(own: &Session, status: StatusCode, error: Option<String>, typed: &str) -> Response {
    let typed = typed.chars().take(MAX_TYPED).collect();
    page_response(status, &CodePage { shell: Shell::plain(), person: own.person.to_string(), error, typed })
}

/// What the nonce of a decision's form is made for.
fn bound_to(session: &Session, code: &UserCode) -> String {
    format!("device {} {code}", session.id)
}

impl DevicePage {
    fn new(app: &App, viewer: &Viewer, code: &UserCode, authorization: DeviceAuthorization) -> Self {
        let own = &viewer.session;
        let device = authorization.device;
        let or = |text: String| if text.trim().is_empty() { "did not say".to_owned() } else { text };
        Self {
            shell: Shell::plain(),
            person: own.person.to_string(),
            code: code.to_string(),
            client: or(device.client),
            name: or(device.name),
            address: or(device.address),
            created_at: viewer.reader.time(authorization.created_at),
            expires_at: viewer.reader.time(authorization.expires_at),
            nonce: app.hub.form_nonce(&bound_to(own, code)),
        }
    }
}

/// The fields of a decision.
#[derive(Debug, Default)]
struct DecisionForm {
    code: String,
    nonce: String,
    confirm: Option<bool>,
}

impl DecisionForm {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            match (name.as_ref(), value.as_ref()) {
                ("code", code) => form.code = code.to_owned(),
                ("nonce", nonce) => form.nonce = nonce.to_owned(),
                ("decision", "confirm") => form.confirm = Some(true),
                ("decision", "deny") => form.confirm = Some(false),
                _ => {}
            }
        }
        form
    }
}
