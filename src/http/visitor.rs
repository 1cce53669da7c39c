//! The browser that asks for a page: its session, and what it says about itself.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::client_address::ClientAddress;
use super::pages::{MessagePage, page_response};
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

/// The last segment of a page's path. One that is not text is no secret of this hub.
pub(super) struct PathText(pub(super) String);

impl FromRequestParts<App> for PathText {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => {
                let text =
                    "This address is not one of this hub, or a part of it is missing: copy it again, as a whole.";
                let page = MessagePage::new("This link does not work", text, None);
                Err(page_response(StatusCode::NOT_FOUND, &page))
            }
        }
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
