//! Who looks at a page.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::layout::PageError;
pub(super) use super::posted_form::PostedForm;
use super::reader::Reader;
use crate::http::App;
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
    /// The viewer of a guarded page.
    pub(super) fn of(parts: &Parts, app: &App) -> Result<Self, PageError> {
        // Put there by `access::guard_page`.
        let session = parts.extensions.get::<Arc<Session>>().cloned();
        let session = session.ok_or(HubError::Missing("the session of a guarded page"))?;
        Ok(Self::new(session, &parts.headers, app.hub.now()))
    }

    pub(super) fn new(session: Arc<Session>, headers: &HeaderMap, now: Timestamp) -> Self {
        let caller = Principal::Session(session.clone());
        Self { session, caller, reader: Reader::new(headers, now) }
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        Self::of(parts, app)
    }
}
