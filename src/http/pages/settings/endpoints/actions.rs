//! What can be done with an endpoint besides changing its fields.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use crate::channels::text::{Listing, Part};
use crate::delivery::Trial;
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::draft::Draft;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::once::repeatable;
use crate::http::pages::settings::secret::secret_page;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::hub::{EndpointPatch, RotateLinksInput, TestInput};
use crate::ids::EndpointId;
use crate::store::endpoints::EndpointState;
use crate::store::events::KINDS;

fn path(id: EndpointId) -> String {
    format!("/settings/endpoints/{id}")
}

/// `POST /settings/endpoints/{id}/pause`
pub(in crate::http::pages::settings) async fn pause(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    _: PostedForm,
) -> PageResult {
    app.hub.pause_endpoint(&viewer.caller, id).await?;
    Ok(went_well(&path(id), "paused"))
}

/// `POST /settings/endpoints/{id}/resume`
pub(in crate::http::pages::settings) async fn resume(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    _: PostedForm,
) -> PageResult {
    app.hub.resume_endpoint(&viewer.caller, id).await?;
    Ok(went_well(&path(id), "resumed"))
}

/// `POST /settings/endpoints/{id}/enable`
pub(in crate::http::pages::settings) async fn enable(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    _: PostedForm,
) -> PageResult {
    let patch = EndpointPatch { state: Some(Some(EndpointState::Active)), ..EndpointPatch::default() };
    app.hub.patch_endpoint(&viewer.caller, id, patch).await?;
    Ok(went_well(&path(id), "enabled"))
}

/// `POST /settings/endpoints/{id}/rotate-links`
pub(in crate::http::pages::settings) async fn rotate_links(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    form: PostedForm,
) -> PageResult {
    let key = repeatable(&form, b"{}")?;
    app.hub.rotate_links(&viewer.caller, id, RotateLinksInput {}, key).await?;
    Ok(went_well(&path(id), "links"))
}

/// `POST /settings/endpoints/{id}/rotate-secret`
pub(in crate::http::pages::settings) async fn rotate_secret(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    form: PostedForm,
) -> PageResult {
    let draft = Draft::of(&form).number("overlap_seconds");
    let key = repeatable(&form, &draft.bytes())?;
    let made = app.hub.rotate_secret(&viewer.caller, id, draft.read()?, key).await?;
    let until = made.endpoint.retiring.first().map(|old| viewer.reader.time(old.until).shown);
    let text = until.map_or_else(
        || "Messages are signed with this secret alone: receivers refuse them until they have it.".to_owned(),
        |until| format!("Until {until} every message is signed with the earlier secret too. Give this one to the receiver before."),
    );
    let name = made.endpoint.name.as_str();
    let secret = made.secret.unwrap_or_default();
    Ok(secret_page(&app, &viewer, Section::Endpoints, name, &text, secret, path(id)).await?)
}

/// `POST /settings/endpoints/{id}/delete`
pub(in crate::http::pages::settings) async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    _: PostedForm,
) -> PageResult {
    app.hub.delete_endpoint(&viewer.caller, id).await?;
    Ok(went_well(Section::Endpoints.path(), "deleted"))
}

#[derive(Template)]
#[template(path = "pages/settings/trial.html")]
struct TrialPage {
    shell: Shell,
    frame: Frame,
    id: String,
    name: String,
    event: String,
    kinds: [&'static str; 24],
    mood: &'static str,
    says: String,
    more: Vec<String>,
    request: Option<Listing>,
    answer: Option<Listing>,
}

/// A message's head and body, as they would be on the wire.
fn message(first: &str, headers: &BTreeMap<String, String>, body: &str) -> Listing {
    let head: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    Listing::of(&format!("{first}\n{head}\n{body}"))
}

/// What a trial says: a CSS class, a sentence, and what is known besides.
fn result(trial: &Trial) -> (&'static str, String, Vec<String>) {
    let status = trial.answer.as_ref().map(|answer| format!(" ({})", answer.status)).unwrap_or_default();
    let took = format!("It took {} ms.", trial.duration_us / 1_000);
    let (mood, says) = if trial.delivered {
        ("yes", format!("It arrived{status}."))
    } else {
        let why = trial.error.as_deref().unwrap_or("the target refused it");
        ("no", format!("It did not arrive{status}: {why}."))
    };
    let class = (!trial.delivered).then(|| format!("Class of the failure: {}.", trial.class));
    let template = trial.template_problem.as_ref();
    let template = template.map(|why| format!("The template failed, and the built-in one was used: {why}."));
    (mood, says, [Some(took), class, template].into_iter().flatten().collect())
}

/// `POST /settings/endpoints/{id}/test`: sends a sample, and shows what was sent and answered.
pub(in crate::http::pages::settings) async fn test(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    form: PostedForm,
) -> PageResult {
    let event = form.filled("event").unwrap_or("request.created").to_owned();
    let known = app.hub.endpoint(&viewer.caller, id).await?.endpoint;
    let trial = app.hub.test_endpoint(&viewer.caller, id, TestInput { event: Some(event.clone()) }).await?;
    let (mood, says, more) = result(&trial);
    let request =
        trial.request.as_ref().map(|sent| message(&format!("{} {}", sent.method, sent.url), &sent.headers, &sent.body));
    let answer = trial.answer.as_ref().map(|answer| {
        message(&format!("HTTP {}", answer.status), &answer.headers, answer.body.as_deref().unwrap_or_default())
    });
    let (shell, frame) = Frame::of(&app, &viewer, Section::Endpoints).await?;
    let (id, name) = (id.to_string(), known.name.to_string());
    let page = TrialPage { shell, frame, id, name, event, kinds: KINDS, mood, says, more, request, answer };
    Ok(page_response(StatusCode::OK, &page))
}
