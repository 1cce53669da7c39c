//! The browser that asks for a page: its session, and what it says about itself.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::client_address::ClientAddress;
use super::{App, Problem, cookies};
use crate::hub::{Authentication, HubError};
use crate::identity::{ClientInfo, Principal, Session};

/// The browser that asks for a page.
pub(super) struct Visitor {
    pub(super) headers: HeaderMap,
    pub(super) client: Option<ClientAddress>,
}

impl From<&Request> for Visitor {
    fn from(request: &Request) -> Self {
        Self { headers: request.headers().clone(), client: request.extensions().get().copied() }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self { headers: parts.headers.clone(), client: parts.extensions.get().copied() })
    }
}

impl Visitor {
    /// The session, if a person has signed in with this browser. The call is counted.
    ///
    /// # Errors
    /// When there were too many calls, or the store fails.
    pub(super) async fn session(&self, app: &App) -> Result<Option<Arc<Session>>, Problem> {
        let Some(secret) = cookies::read(&self.headers, cookies::SESSION) else { return Ok(None) };
        let client = app.limits.counted(self.client.as_ref());
        app.limits.may_look_up(client, secret)?;
        match app.hub.authenticate_browser(secret).await.map_err(|error| Problem::from(HubError::from(error)))? {
            Authentication::Known { principal: Principal::Session(session), .. } => {
                app.limits.count_token(client, secret)?;
                Ok(Some(session))
            }
            // One that ended is no attempt to guess, but it is a look-up.
            _ => app.limits.count_address(client).map(|()| None),
        }
    }

    /// What the browser says about itself, for its owner to recognise the session.
    pub(super) fn info(&self) -> ClientInfo {
        let device = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
        ClientInfo { address: self.client.map(|client| client.address.to_string()), device }
    }
}
