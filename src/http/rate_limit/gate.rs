//! Limits the calls of routes that need no token.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::codes::Code;
use crate::http::client_address::ClientAddress;
use crate::http::extract::media_type;
use crate::http::pages::{MessagePage, page_response};
use crate::http::{App, Problem};

/// Counts a call, and once more if it turns out that its link or its signature is not genuine.
pub(in crate::http) async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = app.limits.counted(request.extensions().get::<ClientAddress>());
    let is_for_people = is_for_people(&request);
    let refused = |problem| answer(problem, is_for_people);
    if let Err(problem) = app.limits.count_address(client) {
        return refused(problem);
    }
    let response = next.run(request).await;
    if !matches!(response.extensions().get::<Code>(), Some(Code::LinkForged | Code::SignatureInvalid)) {
        return response;
    }
    app.limits.count_failure(client).map_or_else(refused, |()| response)
}

/// Whether a browser shows the answer as a page: that of a link.
fn is_for_people(request: &Request) -> bool {
    let is_form = || media_type(request.headers()).is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let path = request.uri().path();
    path.starts_with("/c/") && !path.ends_with("/seen") && (request.method() == Method::GET || is_form())
}

fn answer(problem: Problem, is_for_people: bool) -> Response {
    if !is_for_people {
        return problem.into_response();
    }
    let page = MessagePage::new("Too many calls", problem.detail(), None);
    let mut response = page_response(StatusCode::TOO_MANY_REQUESTS, &page);
    if let Some(value) = problem.into_response().headers_mut().remove(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}
