//! One person: roles, groups, absence; their sessions can be ended here.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::list::absence;
use crate::approval::Email;
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::managed::Managed;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::secret::secret_page;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::settings::text::{in_path, joined};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::hub::SignInLinkInput;
use crate::identity::Right;

#[derive(Template)]
#[template(path = "pages/settings/person.html")]
struct PersonPage {
    shell: Shell,
    frame: Frame,
    email: String,
    path: String,
    name: String,
    roles: String,
    absence: Option<(&'static str, String)>,
    /// Each with whether a vote counts for it now.
    groups: Vec<(String, bool)>,
    may_end_sessions: bool,
    managed: Option<Managed>,
}

fn path(email: &Email) -> String {
    format!("/settings/people/{}", in_path(email.as_str()))
}

/// `GET /settings/people/{email}`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(email): Named<Email>,
    query: PageQuery,
) -> PageResult {
    let person = app.hub.person(&viewer.caller, &email).await?;
    let groups = app.hub.groups_of(&email).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::People).await?;
    let page = PersonPage {
        shell,
        frame: frame.after(&query),
        managed: Managed::of(&app, &viewer, "person", email.as_str()).await?,
        path: path(&email),
        email: email.to_string(),
        absence: absence(&person, &viewer.reader),
        roles: joined(person.roles.iter().map(|role| role.as_str()), "none: this person asks and votes"),
        name: person.name,
        groups: groups.into_iter().map(|(group, is_fresh)| (group.to_string(), is_fresh)).collect(),
        may_end_sessions: viewer.caller.may(Right::ManageTokens),
    };
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /settings/people/{email}/end-sessions`
pub(in crate::http::pages::settings) async fn end_sessions(
    State(app): State<App>,
    viewer: Viewer,
    Named(email): Named<Email>,
    _: PostedForm,
) -> PageResult {
    app.hub.end_sessions_of(&viewer.caller, email.clone()).await?;
    Ok(went_well(&path(&email), "signed-out"))
}

/// `POST /settings/people/{email}/sign-in-link`: makes a link, which is shown this once.
pub(in crate::http::pages::settings) async fn sign_in_link(
    State(app): State<App>,
    viewer: Viewer,
    Named(email): Named<Email>,
    _: PostedForm,
) -> PageResult {
    let input = SignInLinkInput { person: email.clone(), admin: false };
    let made = app.hub.create_sign_in_link(&viewer.caller, input).await?;
    let until = viewer.reader.time(made.expires_at).shown;
    let text =
        format!("With this link {email} signs in once, until {until}. Send it to nobody else: it needs no password.");
    Ok(secret_page(&app, &viewer, Section::People, email.as_str(), &text, made.url, path(&email)).await?)
}

/// `POST /settings/people/{email}/delete`
pub(in crate::http::pages::settings) async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Named(email): Named<Email>,
    _: PostedForm,
) -> PageResult {
    app.hub.delete_person(&viewer.caller, email).await?;
    Ok(went_well(Section::People.path(), "deleted"))
}
