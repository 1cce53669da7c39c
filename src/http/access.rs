//! Authorization of calls: checks the token and its right before the body is read.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::client_address::ClientAddress;
use super::rate_limit::Counted;
use super::{App, Problem};
use crate::codes::Code;
use crate::hub::{Authentication, HubError};
use crate::identity::{Principal, Right};
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
    /// A token whose scope gives this right.
    Right(Right),
}

/// A route with its right.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) app: App,
    pub(super) right: Right,
}

/// Passes calls whose token has the right, with the principal for the handler.
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

/// The bearer of the call's token, and until when it is valid. The call is counted.
async fn authenticate(
    app: &App,
    client: Counted,
    headers: &HeaderMap,
) -> Result<(Principal, Option<Timestamp>), Problem> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    let refused = |detail: String| {
        let counted = app.limits.count_address(client).and_then(|()| app.limits.count_failure(client));
        counted.err().unwrap_or_else(|| Problem::new(Code::Unauthenticated, detail))
    };
    let secret = bearer.ok_or_else(|| refused("send a token: Authorization: Bearer cs_…".to_owned()))?;
    app.limits.may_look_up(client, secret)?;
    match app.hub.authenticate(secret).await.map_err(|error| Problem::from(HubError::from(error)))? {
        Authentication::Known { principal, valid_until } => {
            app.limits.count_token(client, secret)?;
            Ok((principal, valid_until))
        }
        Authentication::Expired(at) => Err(refused(format!("this token expired at {at}: ask an admin for a new one"))),
        Authentication::Mistyped => {
            Err(refused("this token is mistyped or cut: its last characters do not match the rest".to_owned()))
        }
        Authentication::Unknown => Err(refused("this token is unknown or was revoked".to_owned())),
    }
}
