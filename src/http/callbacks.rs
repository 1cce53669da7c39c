//! `/c/{token}`: signed links. A GET shows the page and changes nothing; a decision is a POST, by the page's form or as
//! JSON.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::extract::{media_type, parse_json, read_body};
use super::form_guard::is_same_origin;
use super::pages::{Back, DecisionPage, MessagePage, Reader, page_response, problem_page};
use super::return_path::ReturnPath;
use super::visitor::{PathText, Visitor};
use super::{App, Problem, cookies};
use crate::approval::{Choice, Email};
use crate::codes::Code;
use crate::hub::{HubError, LinkDecision, LinkEvent, LinkProblem, LinkViewer};
use crate::identity::Session;

/// How long a browser keeps the cookie of what was typed before a sign-in.
const DRAFT_SECONDS: i64 = 900;

/// A GIF of one transparent pixel.
const PIXEL: [u8; 43] =
    *b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// The JSON body of a decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonDecision {
    #[serde(default)]
    decision: Option<Choice>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    approver: Option<Email>,
    /// Another command to approve instead of the requested one.
    #[serde(default)]
    command: Option<String>,
    /// A shorter window to approve.
    #[serde(default)]
    duration_seconds: Option<u32>,
}

/// Parses the body of the page's form. Browsers also send empty fields; unknown fields are ignored.
fn read_form(body: &[u8]) -> Result<LinkDecision, HubError> {
    let mut decision = LinkDecision::default();
    let (mut changed, mut command) = (false, None);
    for (name, value) in url::form_urlencoded::parse(body) {
        match (name.as_ref(), value.as_ref()) {
            ("decision", "approve") => decision.choice = Some(Choice::Approve),
            ("decision", "change") => (decision.choice, changed) = (Some(Choice::Approve), true),
            ("decision", "reject") => decision.choice = Some(Choice::Reject),
            ("approver", email) => decision.approver = email.parse().ok(),
            ("reason", reason) => decision.reason = Some(reason.to_owned()),
            ("nonce", nonce) => decision.nonce = Some(nonce.to_owned()),
            ("command", text) => command = Some(text.to_owned()),
            ("duration", "") => {}
            ("duration", seconds) => {
                let detail = "enter the duration in seconds, with digits only";
                let read =
                    seconds.trim().parse().map_err(|_| HubError::invalid(Code::InvalidTimeout, "/duration", detail))?;
                decision.duration_seconds = Some(read);
            }
            _ => {}
        }
    }
    // Every form sends the text; it counts only with the button beside it.
    if changed {
        decision.command = command.map(|text| as_typed(&text));
    }
    Ok(decision)
}

/// Undoes the line ends of forms, which are always CR LF (HTML, "constructing the entry list").
fn as_typed(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// `GET /c/{token}`, and HEAD
pub(super) async fn show(State(app): State<App>, PathText(token): PathText, visitor: Visitor) -> Response {
    // A forged link is reported below.
    let _forged = app.hub.note_link_event(&token, LinkEvent::Fetched);
    let session = match visitor.session(&app).await {
        Ok(session) => session,
        Err(problem) => return problem_page(&problem),
    };
    let draft = cookies::read(&visitor.headers, cookies::DRAFT);
    match app.hub.open_link(&token, LinkViewer { session: session.as_deref(), draft }).await {
        Ok(page) => {
            let reader = Reader::new(&visitor.headers, page.now);
            page_response(StatusCode::OK, &DecisionPage::new(&token, page, None, &reader))
        }
        Err(error) => failure(error, None),
    }
}

/// `GET /c/{token}/seen`: an image of one transparent pixel on the page. Browsers that render the page fetch it;
/// programs that only fetch the page do not.
pub(super) async fn seen(
    State(app): State<App>,
    PathText(token): PathText,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // A browser that prefetches the page says so: nobody sees the result.
    let is_prefetch = |name: &str| headers.get(name).is_some_and(|value| value.as_bytes().starts_with(b"prefetch"));
    if method == Method::GET && !is_prefetch("sec-purpose") && !is_prefetch("purpose") {
        app.hub.note_link_event(&token, LinkEvent::Viewed)?;
    }
    let picture = [(header::CONTENT_TYPE, HeaderValue::from_static("image/gif"))];
    Ok((private(), picture, &PIXEL[..]).into_response())
}

/// `OPTIONS /c/{token}`
pub(super) async fn options() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(header::ALLOW, "GET, HEAD, OPTIONS, POST")])
}

/// `POST /c/{token}`
pub(super) async fn decide(State(app): State<App>, PathText(token): PathText, request: Request) -> Response {
    match media_type(request.headers()).as_deref() {
        Some("application/json") => {
            decide_by_json(app, token, request).await.unwrap_or_else(IntoResponse::into_response)
        }
        Some("application/x-www-form-urlencoded") => decide_by_form(app, token, request).await,
        _ => {
            let detail = "post the page's form, or JSON with Content-Type: application/json";
            Problem::new(Code::UnsupportedMediaType, detail).into_response()
        }
    }
}

async fn decide_by_json(app: App, token: String, request: Request) -> Result<Response, Problem> {
    app.hub.check_link(&token)?;
    let body = read_body(request, &app).await?;
    let JsonDecision { decision, reason, approver, command, duration_seconds } = parse_json(&body)?;
    let decision =
        LinkDecision { choice: decision, approver, reason, command, duration_seconds, ..LinkDecision::default() };
    let decided = app.hub.decide_by_link(&token, decision).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(decided)).into_response())
}

async fn decide_by_form(app: App, token: String, request: Request) -> Response {
    if !is_same_origin(request.headers()) {
        return failure(LinkProblem::StaleForm.into(), Some(&token));
    }
    // Before the body is read: a caller without a link must not use memory.
    if let Err(error) = app.hub.check_link(&token) {
        return failure(error, None);
    }
    let session = match Visitor::from(&request).session(&app).await {
        Ok(session) => session,
        Err(problem) => return problem_page(&problem),
    };
    let headers = request.headers().clone();
    let body = match read_body(request, &app).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let decision = match read_form(&body) {
        Ok(decision) => decision,
        Err(error) => return refused_form(&app, &token, (session.as_deref(), &headers), error).await,
    };
    match app.hub.decide_by_form(&token, decision.clone(), session.as_deref()).await {
        // A redirect, so that a reload does not post the form again.
        Ok(_) => {
            let forget = cookies::delete(cookies::DRAFT);
            with_cookie(forget, (private(), Redirect::to(&format!("/c/{token}"))).into_response())
        }
        Err(HubError::Link(LinkProblem::SignInFirst)) => to_sign_in(&app, &token, &decision).await,
        Err(HubError::MembershipStale { .. }) if session.is_some() => to_sign_in(&app, &token, &decision).await,
        Err(error @ HubError::Link(LinkProblem::StaleForm)) => {
            keep_typed(&app, &token, &decision, failure(error, Some(&token))).await
        }
        Err(error) => refused_form(&app, &token, (session.as_deref(), &headers), error).await,
    }
}

/// Leads to the sign-in and back to the page with what was typed.
async fn to_sign_in(app: &App, token: &str, decision: &LinkDecision) -> Response {
    let path = ReturnPath::parse(Some(&format!("/c/{token}"))).sign_in();
    keep_typed(app, token, decision, (private(), Redirect::to(&path)).into_response()).await
}

/// The response, with a cookie by which the same browser finds again what was typed.
async fn keep_typed(app: &App, token: &str, decision: &LinkDecision, response: Response) -> Response {
    match app.hub.keep_draft(token, decision).await {
        Ok(secret) => with_cookie(cookies::set(cookies::DRAFT, &secret, DRAFT_SECONDS), response),
        Err(error @ HubError::Invalid { .. }) => failure(error, Some(token)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "what was typed into a form cannot be kept");
            response
        }
    }
}

fn with_cookie(cookie: Option<HeaderValue>, mut response: Response) -> Response {
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// The page again with the error, if the form can be corrected.
async fn refused_form(
    app: &App,
    token: &str,
    (session, headers): (Option<&Session>, &HeaderMap),
    error: HubError,
) -> Response {
    let is_stale = matches!(error, HubError::MembershipStale { .. });
    let correctable = is_stale || matches!(error, HubError::Invalid { .. } | HubError::Refused { .. });
    match app.hub.open_link(token, LinkViewer { session, draft: None }).await {
        Ok(page) if correctable => {
            let problem = Problem::from(error);
            let reader = Reader::new(headers, page.now);
            let page = DecisionPage::new(token, page, Some(problem.detail().to_owned()), &reader);
            page_response(problem.status(), &if is_stale { page.with_sign_in() } else { page })
        }
        _ => failure(error, Some(token)),
    }
}

fn private() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

/// The page that explains why a link or a form does not work.
fn failure(error: HubError, token: Option<&str>) -> Response {
    let heading = match &error {
        HubError::Link(LinkProblem::Forged) => "This link does not work",
        HubError::Link(LinkProblem::Expired) => "This link has expired",
        HubError::Link(LinkProblem::Revised) => "This request was changed",
        HubError::Link(
            LinkProblem::EndpointDeleted
            | LinkProblem::EndpointElsewhere
            | LinkProblem::EndpointHandedOver
            | LinkProblem::CalledBack,
        ) => "This link is no longer valid",
        HubError::Link(LinkProblem::NotYours) => "This link is for another person",
        HubError::Link(LinkProblem::StaleForm) => "Please open the request again",
        _ => "That did not work",
    };
    let is_stale = matches!(error, HubError::Link(LinkProblem::StaleForm));
    let back = token.filter(|_| is_stale);
    let back = back.map(|token| Back { label: "Open the request", path: format!("/c/{token}") });
    let problem = Problem::from(error);
    let mut page = page_response(problem.status(), &MessagePage::new(heading, problem.detail(), back));
    page.extensions_mut().insert(problem.code());
    page
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any body is read or refused; nothing is approved or changed unless a button says so.
        #[test]
        fn any_bytes_are_read_or_refused(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            fields in "((decision|approver|reason|nonce|command|duration)=(approve|change|reject|x|%0d%0a|12|-1|%ff|dana@example.com)?&){0,8}",
        ) {
            let body = [fields.as_bytes(), &noise].concat();
            if let Ok(decision) = read_form(&body) {
                let pressed = |button: &str| url::form_urlencoded::parse(&body).any(|(name, value)| name == "decision" && value == button);
                prop_assert!(decision.choice != Some(Choice::Approve) || pressed("approve") || pressed("change"));
                prop_assert!(decision.choice != Some(Choice::Reject) || pressed("reject"));
                prop_assert!(decision.command.is_none() || pressed("change"));
            }
        }

        #[test]
        fn a_command_arrives_as_it_was_typed(lines in proptest::collection::vec("[^\r\n]{0,20}", 0..6)) {
            let typed = lines.join("\r\n");
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("decision", "change"), ("command", &typed)])
                .finish();
            prop_assert_eq!(read_form(body.as_bytes()).unwrap().command, Some(lines.join("\n")));
        }
    }
}
