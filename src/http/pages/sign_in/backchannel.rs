//! Back-channel logout: the provider calls the hub when somebody signs out there (OpenID Connect Back-Channel Logout §2.5).

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::App;
use crate::http::extract::read_body;
use crate::hub::{HubError, LogoutFailure};
use crate::oidc::OidcError;

/// `POST /sign-in/backchannel-logout`
pub(in crate::http) async fn log_out(State(app): State<App>, request: Request) -> Response {
    let body = match read_body(request, &app).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let mut tokens = url::form_urlencoded::parse(&body).filter(|(name, _)| name == "logout_token");
    let token = tokens.next().map(|(_, token)| token).filter(|_| tokens.next().is_none());
    let Some(token) = token else {
        return refused(StatusCode::BAD_REQUEST, "expected a form with one logout_token");
    };
    match app.hub.backchannel_logout(&token).await {
        Ok(()) => (no_store(), StatusCode::OK).into_response(),
        Err(failure) => {
            tracing::warn!(error = %failure, "a back-channel logout is refused");
            match failure {
                LogoutFailure::Hub(HubError::Store(_)) | LogoutFailure::Oidc(OidcError::Provider(_)) => {
                    refused(StatusCode::SERVICE_UNAVAILABLE, "the hub cannot verify the logout token now: try again")
                }
                other => refused(StatusCode::BAD_REQUEST, &other.to_string()),
            }
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    let body = Json(json!({"error": "invalid_request", "error_description": why}));
    (status, no_store(), body).into_response()
}

fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
