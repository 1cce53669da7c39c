//! `/c/{token}`: signed links. A GET shows the page and changes nothing; a decision is a POST, by the page's form or as
//! JSON.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::extract::{media_type, parse_json, read_body};
use super::pages::{DecisionPage, MessagePage, page_response};
use super::{App, Problem};
use crate::approval::{Choice, Email};
use crate::codes::Code;
use crate::hub::{HubError, LinkDecision, LinkEvent, LinkProblem};

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
pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    // A forged link is reported below.
    let _forged = app.hub.note_link_event(&token, LinkEvent::Fetched);
    match app.hub.open_link(&token).await {
        Ok(page) => page_response(StatusCode::OK, &DecisionPage::new(&token, page, None)),
        Err(error) => failure(error, None),
    }
}

/// `GET /c/{token}/seen`: an image of one transparent pixel on the page. Browsers that render the page fetch it;
/// programs that only fetch the page do not.
pub(super) async fn seen(
    State(app): State<App>,
    Path(token): Path<String>,
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
pub(super) async fn decide(State(app): State<App>, Path(token): Path<String>, request: Request) -> Response {
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
    let decision = LinkDecision { choice: decision, approver, reason, command, duration_seconds, nonce: None };
    let decided = app.hub.decide_by_link(&token, decision, false).await?;
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
    let body = match read_body(request, &app).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let decided = match read_form(&body) {
        Ok(decision) => app.hub.decide_by_link(&token, decision, true).await,
        Err(error) => Err(error),
    };
    match decided {
        // A redirect, so that a reload does not post the form again.
        Ok(_) => (private(), Redirect::to(&format!("/c/{token}"))).into_response(),
        Err(error) => refused_form(&app, &token, error).await,
    }
}

/// The page again with the error, if the form can be corrected.
async fn refused_form(app: &App, token: &str, error: HubError) -> Response {
    let is_stale = matches!(error, HubError::MembershipStale { .. });
    let correctable = is_stale || matches!(error, HubError::Invalid { .. } | HubError::Refused { .. });
    match app.hub.open_link(token).await {
        Ok(page) if correctable => {
            let problem = Problem::from(error);
            let page = DecisionPage::new(token, page, Some(problem.detail().to_owned()));
            page_response(problem.status(), &if is_stale { page.with_sign_in() } else { page })
        }
        _ => failure(error, Some(token)),
    }
}

/// Whether the form was posted by the hub's own page (CSRF). With `Referrer-Policy: no-referrer`, browsers send
/// `Origin: null` also for the hub's own form, so `Sec-Fetch-Site` (Fetch Metadata, W3C) decides if it is present. The
/// nonce protects in any case.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match (text(header::ORIGIN), text(header::HOST)) {
            (Some("null") | None, _) => true,
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
            (Some(_), None) => false,
        },
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
    let back =
        matches!(error, HubError::Link(LinkProblem::StaleForm)).then(|| token.map(|token| format!("/c/{token}")));
    let problem = Problem::from(error);
    let mut page = page_response(problem.status(), &MessagePage::new(heading, problem.detail(), back.flatten()));
    page.extensions_mut().insert(problem.code());
    page
}
