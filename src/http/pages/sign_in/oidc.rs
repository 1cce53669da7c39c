//! The way to the identity provider and back. Each answer of the provider is used once; whatever goes wrong is a page that
//! says what happened and what to do, and nobody is signed in.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::failure::failure_page;
use super::{redirect, refused_here, signed_in};
use crate::http::pages::problem_page;
use crate::http::return_path::ReturnPath;
use crate::http::visitor::Visitor;
use crate::http::{App, cookies};
use crate::hub::{OidcAnswer, OidcFailure};
use crate::random;

/// How long the browser keeps the cookie: longer than a sign-in may take, so that a late answer is called late.
const COOKIE_SECONDS: i64 = 3_600;
/// Longest value in an answer of the provider.
const MAX_VALUE: usize = 4_096;

/// `GET /sign-in/oidc`: leads to the provider.
pub(in crate::http) async fn begin(State(app): State<App>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    if let Some(refused) = refused_here(&app) {
        return refused;
    }
    let return_path = ReturnPath::parse(value_of(query.as_deref(), "return").as_deref());
    // Who is signed in signs in again as somebody else, or because it was too long ago: the provider is to ask.
    let again = match visitor.session(&app).await {
        Ok(session) => session.is_some(),
        Err(problem) => return problem_page(&problem),
    };
    // One secret for all tabs of the browser.
    let known = cookies::read(&visitor.headers, cookies::OIDC).map(str::to_owned);
    let browser = known.unwrap_or_else(random::secret_text);
    match app.hub.begin_oidc(&browser, return_path.as_str().to_owned(), again).await {
        Ok(url) => {
            let mut response = redirect(url.as_str());
            let cookie = cookies::set(cookies::OIDC, &browser, COOKIE_SECONDS);
            response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        }
        Err(failure) => failure_page(&app, &failure, &return_path, None),
    }
}

/// `GET /sign-in/callback`: the provider's answer.
pub(in crate::http) async fn finish(State(app): State<App>, RawQuery(query): RawQuery, visitor: Visitor) -> Response {
    let elsewhere = ReturnPath::default();
    let Some(answer) = answer_of(query.as_deref()) else {
        return failure_page(&app, &OidcFailure::Unknown, &elsewhere, None);
    };
    let Some(browser) = cookies::read(&visitor.headers, cookies::OIDC) else {
        return failure_page(&app, &OidcFailure::OtherBrowser, &elsewhere, None);
    };
    let finished = app.hub.finish_oidc(browser, answer, visitor.info()).await;
    let return_path = ReturnPath::parse(finished.return_path.as_deref());
    match finished.result {
        Ok(started) => signed_in(&app, &visitor, started, &return_path).await,
        Err(failure) => {
            let signed_in = visitor.session(&app).await.ok().flatten().map(|session| session.person.to_string());
            failure_page(&app, &failure, &return_path, signed_in)
        }
    }
}

/// `GET /sign-out/provider`: leads to the provider's own sign-out.
pub(in crate::http) async fn sign_out(State(app): State<App>) -> Response {
    match app.hub.provider_sign_out().await {
        Ok(Some(url)) => redirect(url.as_str()),
        Ok(None) => super::failure::no_sign_out(&app),
        Err(failure) => failure_page(&app, &failure, &ReturnPath::default(), None),
    }
}

/// The value of a parameter that is there once.
fn value_of(query: Option<&str>, name: &str) -> Option<String> {
    let mut values = url::form_urlencoded::parse(query?.as_bytes()).filter(|(key, _)| key == name);
    let (_, value) = values.next()?;
    (values.next().is_none() && value.len() <= MAX_VALUE && !value.is_empty()).then(|| value.into_owned())
}

/// Reads an answer: with a state, and either a code or an error.
fn answer_of(query: Option<&str>) -> Option<OidcAnswer> {
    let state = value_of(query, "state")?;
    let result = match (value_of(query, "code"), value_of(query, "error")) {
        (Some(code), None) => Ok(code),
        (None, Some(error)) => Err(error),
        _ => return None,
    };
    Some(OidcAnswer { state, result, issuer: value_of(query, "iss") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_state_and_one_result() {
        let answer =
            answer_of(Some("code=a%2Fb&state=s&iss=https%3A%2F%2Fi.example&session_state=x")).expect("an answer");
        assert_eq!((answer.state.as_str(), answer.issuer.as_deref()), ("s", Some("https://i.example")));
        assert_eq!(answer.result.as_deref(), Ok("a/b"));
        let refused = answer_of(Some("error=access_denied&state=s")).expect("an answer");
        assert_eq!(refused.result, Err("access_denied".to_owned()));
        for wrong in [
            "",
            "code=a",
            "state=s",
            "code=a&error=b&state=s",
            "code=a&state=s&state=t",
            "code=a&code=b&state=s",
            "code=&state=s",
        ] {
            assert!(answer_of(Some(wrong)).is_none(), "{wrong}");
        }
        assert!(answer_of(None).is_none());
        assert!(answer_of(Some(&format!("code={}&state=s", "a".repeat(MAX_VALUE + 1)))).is_none());
    }
}
