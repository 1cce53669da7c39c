//! Limits the calls of routes that need no token.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::codes::Code;
use crate::http::client_address::ClientAddress;
use crate::http::extract::media_type;
use crate::http::pages::problem_page;
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

/// Whether a browser shows the answer as a page.
fn is_for_people(request: &Request) -> bool {
    let is_form = || media_type(request.headers()).is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let path = request.uri().path();
    let is_page = ["/c/", "/sign-in", "/account", "/device"].iter().any(|start| path.starts_with(start));
    is_page && !path.ends_with("/seen") && (request.method() == Method::GET || is_form())
}

fn answer(problem: Problem, is_for_people: bool) -> Response {
    if !is_for_people {
        return problem.into_response();
    }
    problem_page(&problem)
}
