//! The page of a one-time sign-in link. Opening it does nothing, since scanners open links too; its button signs in.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::{checked_form, refused_here, signed_in};
use crate::codes::Code;
use crate::http::form_guard::anonymous;
use crate::http::pages::layout::page_response;
use crate::http::pages::message::{Back, MessagePage};
use crate::http::pages::problem_page;
use crate::http::pages::shell::Shell;
use crate::http::return_path::ReturnPath;
use crate::http::visitor::{PathText, Visitor};
use crate::http::{App, Problem};
use crate::hub::{HubError, SignInOffer};

#[derive(Template)]
#[template(path = "pages/sign_in_link.html")]
struct SignInLinkPage {
    shell: Shell,
    error: Option<String>,
    offer: SignInOffer,
    nonce: String,
    /// What was entered before.
    entered: String,
}

/// `GET /sign-in/link/{secret}`
pub(in crate::http) async fn show(State(app): State<App>, PathText(secret): PathText, visitor: Visitor) -> Response {
    link_page(&app, &visitor, &secret, None).await
}

async fn link_page(app: &App, visitor: &Visitor, secret: &str, refused: Option<(Problem, String)>) -> Response {
    if let Some(refused) = refused_here(app) {
        return refused;
    }
    let offer = match app.hub.sign_in_offer(secret).await {
        Ok(offer) => offer,
        Err(error) => return unusable(error),
    };
    let form = anonymous(app, &visitor.headers);
    let (problem, entered) = refused.unzip();
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let page = SignInLinkPage {
        shell: Shell::plain(),
        error: problem.map(|problem: Problem| problem.detail().to_owned()),
        offer,
        nonce: form.nonce,
        entered: entered.unwrap_or_default(),
    };
    let mut response = page_response(status, &page);
    response.headers_mut().extend(form.cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// `POST /sign-in/link/{secret}`
pub(in crate::http) async fn use_it(State(app): State<App>, PathText(secret): PathText, request: Request) -> Response {
    let visitor = Visitor::from(&request);
    // The page's own address: a page that says what failed does not repeat the secret in it.
    let form = match checked_form(&app, request, "?").await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let person = match form.person.trim() {
        "" => None,
        text => match text.parse() {
            Ok(person) => Some(person),
            Err(_) => {
                let detail = "this is no e-mail address: enter one such as dana@example.com";
                let problem = Problem::new(Code::PersonRequired, detail);
                return link_page(&app, &visitor, &secret, Some((problem, form.person))).await;
            }
        },
    };
    match app.hub.sign_in_by_link(secret.clone(), person, visitor.info()).await {
        Ok(started) => signed_in(&app, &visitor, started, &ReturnPath::default()).await,
        Err(error @ HubError::Invalid { .. }) => {
            link_page(&app, &visitor, &secret, Some((Problem::from(error), form.person))).await
        }
        Err(error) => unusable(error),
    }
}

/// Says why a link does not work. An unknown one counts as a failed attempt of its sender.
fn unusable(error: HubError) -> Response {
    let is_unknown = matches!(error, HubError::NotFound(_));
    if !is_unknown && !matches!(error, HubError::Conflict { .. }) {
        return problem_page(&Problem::from(error));
    }
    let text = if is_unknown {
        "This sign-in link is not one of this hub, or a part of it is missing: copy it again, as a whole.".to_owned()
    } else {
        format!("{error}.")
    };
    let status = if is_unknown { StatusCode::NOT_FOUND } else { StatusCode::GONE };
    let back = Back { label: "Other ways to sign in", path: "/sign-in".to_owned() };
    let mut response = page_response(status, &MessagePage::new("This link does not work", &text, Some(back)));
    if is_unknown {
        response.extensions_mut().insert(Code::LinkForged);
    }
    response
}
