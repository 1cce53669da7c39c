//! Votes on the requests that were ticked in a list: each by the digest that the list showed.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::approval::{Choice, Digest};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::shell::{Place, Shell};
use crate::http::pages::sign_in::redirect;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::return_path::ReturnPath;
use crate::http::{App, Problem};
use crate::hub::{BulkApprove, BulkItem, HubError, SeenRequest, VoteInput};
use crate::ids::RequestId;

/// Most votes of one form, as of one call.
const MOST: usize = 50;

/// What was not done.
#[derive(Template)]
#[template(path = "pages/inbox_failed.html")]
pub(super) struct FailedPage {
    pub(super) shell: Shell,
    /// For example `approved`.
    pub(super) verb: &'static str,
    pub(super) done: usize,
    /// The requests, each with why not.
    pub(super) failed: Vec<(String, String)>,
    pub(super) back: String,
}

/// `POST /inbox/ticked`
pub(in crate::http) async fn decide(State(app): State<App>, viewer: Viewer, form: PostedForm) -> PageResult {
    let back = ReturnPath::parse(form.get("return"));
    let taken = taken(&form)?;
    let reason = form.filled("reason").map(str::to_owned);
    let (verb, items) = match form.get("decision") {
        Some("approve") => ("approved", approve(&app, &viewer, taken, reason).await?),
        Some("reject") => ("rejected", reject(&app, &viewer, taken, reason).await),
        _ => return Err(Problem::new(Code::InvalidParameter, "the form does not say what was decided").into()),
    };
    Ok(answer(&app, &viewer, verb, items, back.to_string()).await?)
}

/// Back to the list, or what was not done and why.
pub(super) async fn answer(
    app: &App,
    viewer: &Viewer,
    verb: &'static str,
    items: Vec<BulkItem>,
    back: String,
) -> Result<Response, HubError> {
    let all = items.len();
    let failed: Vec<(String, String)> = items
        .into_iter()
        .filter_map(|item| Some((item.id.to_string(), Problem::from(item.result.err()?).detail().to_owned())))
        .collect();
    if failed.is_empty() {
        return Ok(redirect(&back));
    }
    let shell = Shell::of(app, viewer, Place::Inbox).await?;
    let page = FailedPage { shell, verb, done: all - failed.len(), failed, back };
    Ok(page_response(StatusCode::CONFLICT, &page))
}

/// The ticked requests with their digests.
fn taken(form: &PostedForm) -> Result<Vec<SeenRequest>, Problem> {
    let parse = |text: &str| {
        let (id, digest) = text.split_once(' ')?;
        Some(SeenRequest { id: id.parse().ok()?, digest: digest.parse().ok()? })
    };
    let taken: Option<Vec<SeenRequest>> = form.all("take").map(parse).collect();
    let taken = taken.ok_or_else(|| Problem::new(Code::InvalidParameter, "the form names a request that is none"))?;
    match taken.len() {
        0 => Err(Problem::new(Code::InvalidPayload, "no request is ticked: go back, and tick those that you mean")),
        1..=MOST => Ok(taken),
        _ => Err(Problem::new(Code::InvalidPayload, format!("at most {MOST} requests are decided at once"))),
    }
}

async fn approve(
    app: &App,
    viewer: &Viewer,
    requests: Vec<SeenRequest>,
    reason: Option<String>,
) -> Result<Vec<BulkItem>, HubError> {
    let input = BulkApprove { requests, reason, on_behalf_of: None };
    Ok(app.hub.bulk_approve(&viewer.caller, input).await?.items)
}

async fn reject(app: &App, viewer: &Viewer, requests: Vec<SeenRequest>, reason: Option<String>) -> Vec<BulkItem> {
    let mut items = Vec::new();
    for SeenRequest { id, digest } in requests {
        items.push(reject_one(app, viewer, id, digest, reason.clone()).await);
    }
    items
}

async fn reject_one(app: &App, viewer: &Viewer, id: RequestId, digest: Digest, reason: Option<String>) -> BulkItem {
    let input = VoteInput { reason, digest: Some(digest), ..VoteInput::default() };
    let voted = app.hub.vote(&viewer.caller, id, Choice::Reject, input).await;
    BulkItem { id, digest, result: voted.map(|request| request.status), request: None }
}
