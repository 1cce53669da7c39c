//! Answers of OAuth 2.0: never stored by a cache, and errors as RFC 6749 §5.2 has them.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::codes::Code;
use crate::http::Problem;
use crate::hub::HubError;

/// A session or a token that was made for the caller (RFC 6749 §5.1).
#[derive(Debug, Serialize)]
pub(super) struct AccessToken {
    pub(super) access_token: String,
    pub(super) token_type: &'static str,
    pub(super) expires_in: u64,
    /// The scopes, with blanks between.
    pub(super) scope: String,
}

/// An error (RFC 6749 §5.2). Boxed, since it is the `Err` of every handler.
#[derive(Debug)]
pub(in crate::http) struct OAuthError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// Whether the caller failed to prove who it is, which is counted.
    is_of_stranger: bool,
}

impl OAuthError {
    /// An error with the status that RFC 6749 gives it.
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        Self(Box::new(Parts { status: StatusCode::BAD_REQUEST, error, description, is_of_stranger: false }))
    }

    /// The request itself is wrong.
    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// The same, for a fault that passes.
    pub(super) fn later(mut self) -> Self {
        self.0.status = StatusCode::SERVICE_UNAVAILABLE;
        self
    }

    /// The same, of a caller that failed to prove who it is.
    pub(super) fn of_stranger(mut self) -> Self {
        self.0.is_of_stranger = true;
        self
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        let error = match problem.code() {
            Code::Busy | Code::RateLimited | Code::StorageUnavailable | Code::Stopping => "temporarily_unavailable",
            Code::Forbidden | Code::PersonDeactivated => "access_denied",
            _ if problem.status().is_server_error() => "server_error",
            _ => "invalid_request",
        };
        let status = match problem.status() {
            // RFC 6749 §5.2: an authorization server answers 400 to what is wrong with the request.
            status if error == "invalid_request" && status != StatusCode::PAYLOAD_TOO_LARGE => StatusCode::BAD_REQUEST,
            StatusCode::FORBIDDEN | StatusCode::CONFLICT => StatusCode::BAD_REQUEST,
            status => status,
        };
        let description = problem.detail().to_owned();
        Self(Box::new(Parts { status, error, description, is_of_stranger: false }))
    }
}

impl From<HubError> for OAuthError {
    fn from(error: HubError) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let Parts { status, error, description, is_of_stranger } = *self.0;
        let body = json!({"error": error, "error_description": described(&description)});
        let mut response = (status, unstored(), Json(body)).into_response();
        if is_of_stranger {
            // For the layer that counts failures.
            response.extensions_mut().insert(Code::SignatureInvalid);
        }
        response
    }
}

/// Headers of every answer (RFC 6749 §5.1).
pub(super) fn unstored() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

/// Replaces the characters that a description must not have (RFC 6749 §5.2).
fn described(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
    let plain = |c: char| match c {
        c if is_allowed(c) => c,
        '"' | '`' | '’' => '\'',
        '…' => '.',
        _ => '?',
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_only_the_characters_that_it_may_have() {
        assert_eq!(described("the field \"x\\y\" of é is\twrong"), "the field 'x?y' of ? is?wrong");
        assert_eq!(described("plain (RFC 8628 §3.4): a-z~"), "plain (RFC 8628 ?3.4): a-z~");
    }
}
