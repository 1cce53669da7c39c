//! Who looks at a page, and the forms that they send.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;

use super::message::problem_page;
pub(super) use super::posted_form::PostedForm;
use super::reader::Reader;
use super::resend::{self, WhyResend};
use crate::http::extract::read_body;
use crate::http::form_guard::is_same_origin;
use crate::http::{App, Problem};
use crate::hub::HubError;
use crate::identity::{Principal, Session};
use crate::time::Timestamp;

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
