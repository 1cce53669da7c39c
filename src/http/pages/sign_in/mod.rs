//! The sign-in page: what is configured, and nothing else.

pub(in crate::http) mod backchannel;
mod failure;
pub(in crate::http) mod link;
pub(in crate::http) mod oidc;

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::layout::page_response;
use super::message::{Back, MessagePage};
use super::problem_page;
use crate::codes::Code;
use crate::http::extract::read_body;
use crate::http::form_guard::{FormProblem, anonymous, check_anonymous};
use crate::http::pages::shell::Shell;
use crate::http::return_path::ReturnPath;
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, cookies};
use crate::hub::{HubError, StartedSession};

/// The page.
#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage {
    shell: Shell,
    /// Why the last attempt failed.
    error: Option<String>,
    /// The name of the identity provider, and the path that leads there.
    provider: Option<(String, String)>,
    /// Who is signed in already.
    signed_in: Option<String>,
    return_path: ReturnPath,
    nonce: String,
}

/// `GET /sign-in`
pub(in crate::http) async fn show(State(app): State<App>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    sign_in_page(&app, &visitor, return_path_in(query.as_deref()), None).await
}

/// The page that `return` of a query names.
pub(in crate::http) fn return_path_in(query: Option<&str>) -> ReturnPath {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    ReturnPath::parse(pairs.find(|(name, _)| name == "return").map(|(_, value)| value).as_deref())
}

async fn sign_in_page(app: &App, visitor: &Visitor, return_path: ReturnPath, error: Option<Problem>) -> Response {
    if let Some(refused) = refused_here(app) {
        return refused;
    }
    let signed_in = match visitor.session(app).await {
        Ok(session) => session.map(|session| session.person.to_string()),
        Err(problem) => return problem_page(&problem),
    };
    let form = anonymous(app, &visitor.headers);
    let status = error.as_ref().map_or(StatusCode::OK, Problem::status);
    let code = error.as_ref().map(Problem::code);
    let page = SignInPage {
        shell: Shell::plain(),
        error: error.map(|problem| problem.detail().to_owned()),
        provider: app.hub.provider_name().map(|name| (name.to_owned(), return_path.to_provider())),
        signed_in,
        return_path,
        nonce: form.nonce,
    };
    let mut response = page_response(status, &page);
    response.headers_mut().extend(form.cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    if let Some(code) = code {
        response.extensions_mut().insert(code);
    }
    response
}

/// The fields of a sign-in form.
#[derive(Debug, Default)]
struct SignInForm {
    nonce: String,
    token: String,
    person: String,
    return_path: Option<String>,
}

impl SignInForm {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            match name.as_ref() {
                "nonce" => form.nonce = value.into_owned(),
                "token" => form.token = value.into_owned(),
                "person" => form.person = value.into_owned(),
                "return" => form.return_path = Some(value.into_owned()),
                _ => {}
            }
        }
        form
    }
}

/// `POST /sign-in/token`: signs in with a person's own token.
pub(in crate::http) async fn with_token(State(app): State<App>, request: Request) -> Response {
    let visitor = Visitor::from(&request);
    let form = match checked_form(&app, request, "/sign-in").await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let return_path = ReturnPath::parse(form.return_path.as_deref());
    match app.hub.sign_in_by_token(&form.token, visitor.info()).await {
        Ok(started) => signed_in(&app, &visitor, started, &return_path).await,
        Err(error @ HubError::Invalid { code: Code::SignInUnavailable, .. }) => {
            let counted = app.limits.count_failure(app.limits.counted(visitor.client.as_ref()));
            let problem = counted.err().unwrap_or_else(|| Problem::from(error));
            sign_in_page(&app, &visitor, return_path, Some(problem)).await
        }
        Err(error) => problem_page(&Problem::from(error)),
    }
}

/// The fields of a form of someone who has not signed in, if it is genuine; else the page that says why not.
async fn checked_form(app: &App, request: Request, again: &str) -> Result<SignInForm, Response> {
    if let Some(refused) = refused_here(app) {
        return Err(refused);
    }
    let headers = request.headers().clone();
    let body = read_body(request, app).await.map_err(|problem| problem_page(&problem))?;
    let form = SignInForm::read(&body);
    check_anonymous(app, &headers, &form.nonce).map_err(|problem| form_problem(app, problem, again))?;
    Ok(form)
}

fn form_problem(app: &App, problem: FormProblem, again: &str) -> Response {
    let text = match problem {
        FormProblem::NoCookie => format!(
            "Your browser did not send back the cookie that came with the page, and without cookies nobody can be signed in. \
             Allow cookies for this site, open it as {}, and try again.",
            app.hub.public_url()
        ),
        FormProblem::Stale => {
            "The page was open for too long, or the form came from elsewhere. Nothing was done.".to_owned()
        }
    };
    let back = Back { label: "Open the page again", path: again.to_owned() };
    let mut response = page_response(StatusCode::FORBIDDEN, &MessagePage::new("Please try again", &text, Some(back)));
    response.extensions_mut().insert(Code::FormStale);
    response
}

/// The answer to a sign-in that succeeded: the cookie of the new session, and the way to the page that it was for.
pub(in crate::http) async fn signed_in(
    app: &App,
    visitor: &Visitor,
    started: StartedSession,
    return_path: &ReturnPath,
) -> Response {
    // The browser keeps one session: the one before is over, also that of another person.
    if let Ok(Some(former)) = visitor.session(app).await
        && let Err(error) = app.hub.end_session(&former, former.id).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "a replaced session cannot be ended");
    }
    let seconds = started.session.expires_at.since(started.session.created_at).as_secs();
    let cookie = cookies::set(cookies::SESSION, &started.secret, i64::try_from(seconds).unwrap_or(i64::MAX));
    let mut response = redirect(return_path.as_str());
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// A redirect that no cache keeps.
pub(in crate::http) fn redirect(path: &str) -> Response {
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (headers, Redirect::to(path)).into_response()
}

/// Why nobody can sign in where people reach the hub over plain HTTP: browsers would not keep the cookie.
fn refused_here(app: &App) -> Option<Response> {
    if app.hub.can_sign_in() {
        return None;
    }
    let text = format!(
        "People reach this hub at {}, without encryption: everybody on the way could take over what you sign in to, and \
         browsers refuse the cookie. The operator of the hub has to set up HTTPS (tls_cert and tls_key, or a reverse proxy) \
         and set public_url to https://…. Links in messages and API tokens work as before.",
        app.hub.public_url()
    );
    let page = MessagePage::new("Nobody can sign in here", &text, None);
    Some(page_response(StatusCode::FORBIDDEN, &page))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_form(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let form = SignInForm::read(&body);
            prop_assert!(form.nonce.len() + form.token.len() + form.person.len() <= 3 * body.len());
        }

        #[test]
        fn a_field_is_read_as_it_was_typed(token in "\\PC{0,40}", person in any::<String>()) {
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("token", &token), ("person", &person), ("other", &token)])
                .finish();
            let form = SignInForm::read(body.as_bytes());
            prop_assert_eq!((form.token, form.person, form.return_path), (token, person, None));
        }
    }
}
