//! Who looks at a page, and the forms that they send.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;

use super::problem_page;
use super::reader::Reader;
use super::resend::{self, WhyResend};
use crate::http::extract::read_body;
use crate::http::form_guard::is_same_origin;
use crate::http::{App, Problem};
use crate::hub::HubError;
use crate::identity::{Principal, Session};
use crate::time::Timestamp;

/// Most fields of a form.
const MAX_FIELDS: usize = 1_000;

/// A person who signed in with this browser.
#[derive(Clone)]
pub(in crate::http) struct Viewer {
    pub(super) session: Arc<Session>,
    /// The same person, as the services know callers.
    pub(super) caller: Principal,
    pub(super) reader: Reader,
}

impl Viewer {
    fn of(parts: &Parts, app: &App) -> Result<Self, Response> {
        // Put there by `access::guard_page`.
        let session = parts
            .extensions
            .get::<Arc<Session>>()
            .cloned()
            .ok_or_else(|| problem_page(&Problem::from(HubError::Missing("the session of a guarded page"))))?;
        Ok(Self::new(session, &parts.headers, app.hub.now()))
    }

    pub(super) fn new(session: Arc<Session>, headers: &HeaderMap, now: Timestamp) -> Self {
        let caller = Principal::Session(session.clone());
        Self { session, caller, reader: Reader::new(headers, now) }
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        Self::of(parts, app)
    }
}

/// The fields of a form that a page has sent, with genuine nonce and origin. A field may be repeated.
pub(in crate::http) struct PostedForm(Vec<(String, String)>);

impl FromRequest<App> for PostedForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let viewer = Viewer::of(&parts, app)?;
        let request = Request::from_parts(parts.clone(), body);
        let body = read_body(request, app).await.map_err(|problem| problem_page(&problem))?;
        let form = Self::read(&body);
        let nonce = form.get("nonce").unwrap_or_default();
        if is_same_origin(&parts.headers) && app.hub.check_session_nonce(&viewer.session, nonce) {
            return Ok(form);
        }
        let fresh = app.hub.session_nonce(&viewer.session);
        Err(resend::page(
            &parts,
            form,
            &WhyResend::OtherSession { person: viewer.session.person.to_string(), nonce: fresh },
        ))
    }
}

impl PostedForm {
    /// Reads the fields. Browsers send line ends as CR LF; they become LF, as in the text that the form showed.
    pub(in crate::http) fn read(body: &[u8]) -> Self {
        let fields = url::form_urlencoded::parse(body).take(MAX_FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// The first value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The first value of a field that is not blank.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.trim().is_empty())
    }

    /// Every value of a repeated field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |field| field.0 == name).map(|field| field.1.as_str())
    }

    /// Every field with its value, in the order of the form.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
