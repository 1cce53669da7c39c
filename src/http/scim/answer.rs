//! Answers and errors in the forms of the protocol.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::codes::Code;
use crate::http::problem::Told;

/// Where the interface is.
pub(super) const BASE: &str = "/scim/v2";
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An answer with a body. One to a creation says where the new resource is.
pub(in crate::http) struct Scim(pub(super) StatusCode, pub(super) Value);

impl IntoResponse for Scim {
    fn into_response(self) -> Response {
        let location = self.1.pointer("/meta/location").and_then(Value::as_str).and_then(|url| url.parse().ok());
        let mut response = (self.0, Json(self.1)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(location) = location.filter(|_| self.0 == StatusCode::CREATED) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// Writes the problems of calls under [`BASE`] as the protocol's errors (RFC 7644 §3.12).
pub(in crate::http) async fn in_scim_terms(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_scim = path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut response = next.run(request).await;
    let told = response.extensions_mut().remove::<Told>();
    let code = response.extensions().get::<Code>().copied();
    let Some((Told(detail), code)) = told.zip(code).filter(|_| is_scim) else { return response };
    let status = status(code);
    let mut error = json!({"schemas": [ERROR], "status": status.as_u16().to_string(), "detail": detail});
    if let (Some(kind), Some(members)) = (scim_type(code), error.as_object_mut()) {
        members.insert("scimType".to_owned(), kind.into());
    }
    let (mut parts, _) = response.into_parts();
    parts.status = status;
    parts.headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, axum::body::Body::from(error.to_string()))
}

/// The protocol has 400 for all that is wrong in a body.
fn status(code: Code) -> StatusCode {
    let status = if code.status() == 422 { 400 } else { code.status() };
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn scim_type(code: Code) -> Option<&'static str> {
    match code {
        Code::InvalidFilter => Some("invalidFilter"),
        Code::InvalidPath => Some("invalidPath"),
        Code::InvalidJson => Some("invalidSyntax"),
        Code::Immutable => Some("mutability"),
        Code::NoTarget => Some("noTarget"),
        Code::NameTaken => Some("uniqueness"),
        Code::InvalidValue | Code::InvalidParameter => Some("invalidValue"),
        _ if code.status() == 422 => Some("invalidValue"),
        _ => None,
    }
}
