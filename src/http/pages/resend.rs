//! A form that was sent in vain because the session had ended: shown again, with a button, so that nothing typed is lost.

use askama::Template;
use askama::filters::Safe;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::layout::page_response;
use super::message::{Back, MessagePage, problem_page};
use super::posted_form::PostedForm;
use super::shell::Shell;
use super::viewer::Viewer;
use crate::channels::text::exact;
use crate::http::App;
use crate::http::extract::read_body;
use crate::http::form_guard::{is_same_origin, is_shown_same_origin};

/// Why the form has to be sent again.
pub(in crate::http) enum WhyResend {
    /// The session has ended.
    SignedOut,
    /// The page belongs to another session.
    OtherSession {
        /// Who is signed in now.
        person: String,
        nonce: String,
    },
}

#[derive(Template)]
#[template(path = "pages/resend.html")]
struct ResendPage<'p> {
    shell: Shell,
    why: &'p WhyResend,
    /// Where the form goes.
    action: &'p str,
    fields: Vec<(&'p str, &'p str)>,
}

impl ResendPage<'_> {
    /// What is sent again is what was typed.
    fn exact(&self, text: &str) -> Safe<String> {
        exact(text)
    }
}

/// A form with genuine nonce and origin.
impl FromRequest<App> for PostedForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let viewer = Viewer::of(&parts, app).map_err(IntoResponse::into_response)?;
        let request = Request::from_parts(parts.clone(), body);
        let body = read_body(request, app).await.map_err(|problem| problem_page(&problem))?;
        let form = Self::read(&body);
        let nonce = form.get("nonce").unwrap_or_default();
        if is_same_origin(&parts.headers) && app.hub.check_session_nonce(&viewer.session, nonce) {
            return Ok(form);
        }
        let fresh = app.hub.session_nonce(&viewer.session);
        Err(page(&parts, form, &WhyResend::OtherSession { person: viewer.session.person.to_string(), nonce: fresh }))
    }
}

/// The page with the fields of the form. A form that may be from elsewhere is not repeated.
pub(in crate::http) fn page(parts: &Parts, form: PostedForm, why: &WhyResend) -> Response {
    if !is_shown_same_origin(&parts.headers) {
        let text = "The form came from elsewhere, or your browser does not say from where. Nothing was done.";
        let back = Back { label: "Go to the start", path: "/".to_owned() };
        return page_response(StatusCode::FORBIDDEN, &MessagePage::new("Please try again", text, Some(back)));
    }
    let action = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let fields = form.fields().filter(|field| field.0 != "nonce").collect();
    let status = match why {
        WhyResend::SignedOut => StatusCode::UNAUTHORIZED,
        WhyResend::OtherSession { .. } => StatusCode::FORBIDDEN,
    };
    page_response(status, &ResendPage { shell: Shell::plain(), why, action, fields })
}
