//! How the forms of a request's page are answered.

use axum::http::StatusCode;
use axum::response::Response;

use super::path;
use crate::http::Problem;
use crate::http::pages::sign_in::redirect;
use crate::http::pages::viewer::PostedForm;
use crate::http::return_path::ReturnPath;
use crate::ids::RequestId;

/// The page that the form names, or the request's.
pub(super) fn back(form: &PostedForm, id: RequestId) -> Response {
    let own = path(id);
    redirect(ReturnPath::parse(Some(form.filled("return").unwrap_or(&own))).as_str())
}

/// The response with its code, for the counts of refused calls.
pub(super) fn coded(mut response: Response, problem: &Problem) -> Response {
    if response.status() != StatusCode::OK {
        response.extensions_mut().insert(problem.code());
    }
    response
}
