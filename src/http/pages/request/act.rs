//! What the forms of a request's page do: vote, and cancel. A form that is refused is shown again with what was typed.

use axum::extract::State;
use axum::http::header;
use axum::response::Response;

use super::answer::{back, coded};
use super::changed::ChangedPage;
use super::decide::{VoteForm, typed};
use super::edit::{EditPage, Purpose};
use super::{Form, Refused, RequestPage, parse_id, path};
use crate::approval::Refusal;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::sign_in::redirect;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::return_path::ReturnPath;
use crate::http::visitor::PathText;
use crate::http::{App, Problem, cookies};
use crate::hub::{CancelInput, CommentInput, HubError};
use crate::ids::RequestId;

/// How long a browser keeps the cookie of what was typed before a sign-in.
const DRAFT_SECONDS: i64 = 900;

/// `POST /requests/{id}/vote`
pub(in crate::http) async fn vote(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let id = parse_id(&id)?;
    let voted = match VoteForm::read(&form) {
        Ok(VoteForm { choice, input }) => app.hub.vote(&viewer.caller, id, choice, input).await.map(drop),
        Err(error) => Err(error),
    };
    match voted {
        Ok(()) => {
            let mut response = back(&form, id);
            let forget = cookies::delete(cookies::DRAFT);
            response.headers_mut().extend(forget.map(|cookie| (header::SET_COOKIE, cookie)));
            Ok(response)
        }
        Err(error) => refused_vote(&app, &viewer, id, &form, error).await,
    }
}

/// `POST /requests/{id}/cancel`
pub(in crate::http) async fn cancel(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let id = parse_id(&id)?;
    let input = CancelInput { reason: form.filled("reason").map(str::to_owned) };
    match app.hub.cancel(&viewer.caller, id, input).await {
        Ok(_) => Ok(back(&form, id)),
        Err(error) => refused(&app, &viewer, id, (Form::Cancel, None), error).await,
    }
}

/// `POST /requests/{id}/comments`
pub(in crate::http) async fn comment(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let id = parse_id(&id)?;
    let text = form.get("text").unwrap_or_default().to_owned();
    match app.hub.comment(&viewer.caller, id, CommentInput { text: text.clone() }).await {
        Ok(_) => Ok(back(&form, id)),
        Err(error) => refused(&app, &viewer, id, (Form::Comment, Some(text)), error).await,
    }
}

/// `POST /requests/{id}/remind`
pub(in crate::http) async fn remind(
    State(app): State<App>,
    PathText(id): PathText,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let id = parse_id(&id)?;
    match app.hub.remind(&viewer.caller, id).await {
        Ok(_) => Ok(back(&form, id)),
        Err(error) => {
            let text = form.get("text").map(str::to_owned);
            refused(&app, &viewer, id, (Form::Comment, text), error).await
        }
    }
}

/// The page again with the error of a form.
pub(super) async fn refused(
    app: &App,
    viewer: &Viewer,
    id: RequestId,
    (form, typed): (Form, Option<String>),
    error: HubError,
) -> PageResult {
    if !is_correctable(&error) {
        return Err(error.into());
    }
    let problem = Problem::from(error);
    let refused = Refused { form, detail: problem.detail().to_owned(), typed };
    let dossier = app.hub.dossier(&viewer.caller, id).await?;
    let page = RequestPage::new(app, viewer, dossier, None, Some(refused)).await?;
    Ok(coded(page_response(problem.status(), &page), &problem))
}

/// Leads a vote that was refused to where it can be corrected: the page, the sign-in, or the changed request.
async fn refused_vote(app: &App, viewer: &Viewer, id: RequestId, form: &PostedForm, error: HubError) -> PageResult {
    if !is_correctable(&error) {
        return Err(error.into());
    }
    let typed = typed(form);
    if needs_sign_in(&error) {
        let to = ReturnPath::parse(Some(&path(id))).sign_in();
        return keep(app, id, &typed, redirect(&to)).await;
    }
    let is_stale = matches!(&error, HubError::Refused { refusal, .. }
        if matches!(refusal, Refusal::StaleRevision { .. } | Refusal::StaleDigest));
    let problem = Problem::from(error);
    let dossier = app.hub.dossier(&viewer.caller, id).await?;
    if is_stale && dossier.request.change.is_some() {
        let seen = form.get("revision").and_then(|text| text.parse().ok());
        let page = ChangedPage::new(app, viewer, &dossier, (&typed, seen), problem.code()).await?;
        let response = coded(page_response(problem.status(), &page), &problem);
        return keep(app, id, &typed, response).await;
    }
    let detail = problem.detail().to_owned();
    let response = match typed.command.clone() {
        Some(command) => {
            let edit = EditPage::new(app, viewer, dossier, Purpose::Approve, (command, typed)).await?;
            page_response(problem.status(), &edit.refused(detail))
        }
        None => {
            let refused = Refused { form: Form::Decide, detail, typed: None };
            page_response(problem.status(), &RequestPage::new(app, viewer, dossier, Some(&typed), Some(refused)).await?)
        }
    };
    Ok(coded(response, &problem))
}

/// Whether the person can do something about it on the page.
fn is_correctable(error: &HubError) -> bool {
    matches!(
        error,
        HubError::Invalid { .. }
            | HubError::Refused { .. }
            | HubError::MembershipStale { .. }
            | HubError::Conflict { .. }
    )
}

/// Whether another sign-in may let the vote count.
fn needs_sign_in(error: &HubError) -> bool {
    match error {
        HubError::MembershipStale { .. } => true,
        HubError::Refused { refusal, .. } => {
            matches!(refusal, Refusal::SignInStale | Refusal::AssuranceTooLow { .. } | Refusal::MembershipStale(_))
        }
        _ => false,
    }
}

/// The response, with a cookie by which the same browser finds again what was typed.
async fn keep(app: &App, id: RequestId, typed: &crate::hub::LinkDecision, mut response: Response) -> PageResult {
    let secret = app.hub.keep_request_draft(id, typed).await?;
    let cookie = cookies::set(cookies::DRAFT, &secret, DRAFT_SECONDS);
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}
