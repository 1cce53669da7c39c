//! Authorization of calls: checks the token or the session and its right before the body is read.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::client_address::ClientAddress;
use super::extract::read_body;
use super::form_guard::is_shown_same_origin;
use super::rate_limit::Counted;
use super::return_path::ReturnPath;
use super::visitor::Visitor;
use super::{App, Problem, cookies, pages};
use crate::codes::Code;
use crate::hub::{Authentication, HubError};
use crate::identity::{Principal, Right, is_session_secret};
use crate::time::Timestamp;

/// Says until when the caller's token is valid (RFC 3339), on every answer to a token that expires.
const EXPIRES: HeaderName = HeaderName::from_static("countersign-token-expires");

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Open,
    /// Everyone, without a rate limit: health and metrics, for monitoring.
    Probe,
    /// The signed link in the path authorizes the call.
    Link,
    /// The sender's signature authorizes the call.
    Signature,
    /// A browser in which a person has signed in; others are led to the sign-in.
    Session,
    /// The same, for people whose session has this right; others get a page that says so.
    Page(Right),
    /// A token or session whose scopes give this right.
    Right(Right),
}

/// A route with its right.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: App,
    pub(super) right: Right,
}

/// Passes calls whose token or session has the right, with the principal for the handler.
pub(super) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let client = guard.app.limits.counted(request.extensions().get::<ClientAddress>());
    let (principal, valid_until) = match authenticate(&guard.app, client, request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let mut response = match crate::hub::require(&principal, guard.right) {
        Ok(()) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => Problem::from(error).into_response(),
    };
    if let Some(value) = valid_until.and_then(|at| HeaderValue::try_from(at.to_string()).ok()) {
        response.headers_mut().insert(EXPIRES, value);
    }
    response
}

/// Who makes the call, and until when their token or session is valid. The call is counted.
async fn authenticate(
    app: &App,
    client: Counted,
    headers: &HeaderMap,
) -> Result<(Principal, Option<Timestamp>), Problem> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    let in_browser = cookies::read(headers, cookies::SESSION).filter(|_| !headers.contains_key(header::AUTHORIZATION));
    let refused = |detail: String| {
        let counted = app.limits.count_address(client).and_then(|()| app.limits.count_failure(client));
        counted.err().unwrap_or_else(|| Problem::new(Code::Unauthenticated, detail))
    };
    let secret = bearer.or(in_browser).ok_or_else(|| refused("send a token: Authorization: Bearer cs_…".to_owned()))?;
    if in_browser.is_some() && !is_shown_same_origin(headers) {
        let detail = "a call with a session's cookie must come from a page of this hub: programs send a token instead";
        return Err(Problem::new(Code::CrossSite, detail));
    }
    app.limits.may_look_up(client, secret)?;
    let known = match in_browser {
        Some(_) => app.hub.authenticate_browser(secret).await,
        None => app.hub.authenticate(secret).await,
    };
    match known.map_err(|error| Problem::from(HubError::from(error)))? {
        Authentication::Known { principal, valid_until } => {
            app.limits.count_token(client, secret)?;
            Ok((principal, valid_until))
        }
        Authentication::Expired(at) if bearer.is_some_and(is_session_secret) => {
            Err(refused(format!("this sign-in ended at {at}: sign in again, with countersign login")))
        }
        Authentication::Expired(at) if in_browser.is_none() => {
            Err(refused(format!("this token expired at {at}: ask an admin for a new one")))
        }
        Authentication::Mistyped if in_browser.is_none() => {
            Err(refused("this token is mistyped or cut: its last characters do not match the rest".to_owned()))
        }
        Authentication::Unknown if in_browser.is_none() => {
            Err(refused("this token is unknown or was revoked".to_owned()))
        }
        _ => Err(refused("you are signed out: sign in again".to_owned())),
    }
}

/// Passes calls of browsers in which a person with that right has signed in, with the session for the handler. Others are
/// led to the sign-in, and come back from there; what a form contained is shown again.
pub(super) async fn guard_page(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Guard { app, right } = guard;
    match Visitor::from(&request).session(&app).await {
        Ok(Some(session)) => {
            if let Err(error) = crate::hub::require(&Principal::Session(session.clone()), right) {
                return pages::problem_page(&Problem::from(error));
            }
            request.extensions_mut().insert(session);
            next.run(request).await
        }
        // Tells the browser not to come again: it would be led to the sign-in each time.
        Ok(None) if is_stream(request.headers()) => StatusCode::NO_CONTENT.into_response(),
        Ok(None) if request.method() == Method::GET || request.method() == Method::HEAD => {
            let target = request.uri().path_and_query().map(|path| path.as_str().to_owned());
            Redirect::to(&ReturnPath::parse(target.as_deref()).sign_in()).into_response()
        }
        Ok(None) => signed_out(&app, request).await,
        Err(problem) => pages::problem_page(&problem),
    }
}

/// Whether a browser's script listens for events.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accepted| accepted == "text/event-stream")
}

/// The page with the fields of a form whose session has ended.
async fn signed_out(app: &App, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match read_body(Request::from_parts(parts.clone(), body), app).await {
        Ok(body) => pages::resend_page(&parts, pages::PostedForm::read(&body), &pages::WhyResend::SignedOut),
        Err(problem) => pages::problem_page(&problem),
    }
}
