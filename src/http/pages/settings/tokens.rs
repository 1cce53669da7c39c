//! API tokens: the list, new ones, other secrets, revocation.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::done::went_well;
use super::draft::Draft;
use super::form::Form;
use super::named::Named;
use super::once::{once, repeatable};
use super::query::PageQuery;
use super::secret::secret_page;
use super::section::{Frame, Section};
use super::text::{filled, joined};
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::reader::Reader;
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, TokenView};
use crate::identity::Scope;
use crate::ids::TokenId;

/// Tokens on a page.
const MANY: u32 = 100;
/// Tokens that expire within this time are marked: two weeks.
const SOON: Duration = Duration::from_secs(14 * 86_400);

#[derive(Template)]
#[template(path = "pages/settings/tokens.html")]
struct TokensPage {
    shell: Shell,
    frame: Frame,
    tokens: Vec<Line>,
    next: Option<String>,
    once: String,
}

struct Line {
    id: String,
    name: String,
    scope: &'static str,
    person: String,
    resources: String,
    is_agent: bool,
    used: Option<PageTime>,
    expires: Option<PageTime>,
    /// A CSS class.
    mood: &'static str,
    is_expired: bool,
}

impl Line {
    fn of(view: &TokenView, reader: &Reader) -> Self {
        let token = &view.token;
        let is_expired = token.is_expired(reader.now);
        let is_soon = token.is_expired(reader.now + SOON);
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            scope: token.scope.as_str(),
            person: filled(token.person.as_ref()),
            resources: joined(&token.resources, ""),
            is_agent: token.agent,
            used: view.last_used_at.map(|at| reader.time(at)),
            expires: token.expires_at.map(|at| reader.time(at)),
            mood: if is_expired {
                "no"
            } else if is_soon {
                "warn"
            } else {
                ""
            },
            is_expired,
        }
    }
}

/// `GET /settings/tokens`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let found = app.hub.tokens(&viewer.caller, MANY, query.get("cursor")).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Tokens).await?;
    let page = TokensPage {
        shell,
        frame: frame.after(&query),
        tokens: found.items.iter().map(|view| Line::of(view, &viewer.reader)).collect(),
        next: query.next(Section::Tokens.path(), found.next_cursor.as_deref()),
        once: once(),
    };
    Ok(page_response(StatusCode::OK, &page))
}

#[derive(Template)]
#[template(path = "pages/settings/token_form.html")]
struct TokenForm {
    shell: Shell,
    frame: Frame,
    form: Form,
    scopes: [(&'static str, &'static str); 7],
    once: String,
    zone: String,
}

/// A scope in words.
const fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Admin => "admin: everything",
        Scope::Requester => "requester: asks for approval",
        Scope::Approver => "approver: one person votes",
        Scope::Decider => "decider: votes on behalf of people it has signed in",
        Scope::Analyst => "analyst: reads reports and all requests",
        Scope::Auditor => "auditor: reads everything but secrets",
        Scope::Scim => "scim: a directory of people and groups",
    }
}

async fn form_page(app: &App, viewer: &Viewer, form: Form) -> Result<TokenForm, HubError> {
    let (shell, frame) = Frame::of(app, viewer, Section::Tokens).await?;
    let scopes = Scope::ALL.map(|scope| (scope.as_str(), words(scope)));
    Ok(TokenForm { shell, frame, form, scopes, once: once(), zone: viewer.reader.zone_name() })
}

/// `GET /settings/new/token`
pub(in crate::http::pages::settings) async fn new(State(app): State<App>, viewer: Viewer) -> PageResult {
    let form = Form::of(vec![("scope", "requester".to_owned())]);
    Ok(page_response(StatusCode::OK, &form_page(&app, &viewer, form).await?))
}

/// `POST /settings/new/token`
pub(in crate::http::pages::settings) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    match created(&app, &viewer, &form).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = form_page(&app, &viewer, Form::refused(&form, &problem)).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn created(app: &App, viewer: &Viewer, form: &PostedForm) -> Result<Response, Problem> {
    let draft = Draft::of(form).texts(&["name", "scope", "person"]).list("resources").flag("agent");
    let draft = draft.moment("expires_at", &viewer.reader);
    let draft = if form.filled("never").is_some() { draft.set("expires_at", serde_json::Value::Null) } else { draft };
    let key = repeatable(form, &draft.bytes())?;
    let made = app.hub.create_token(&viewer.caller, draft.read()?, key).await?;
    let until = made.token.token.expires_at.map_or_else(
        || "It does not expire.".to_owned(),
        |at| format!("It expires on {}.", viewer.reader.time(at).shown),
    );
    let text = format!("Programs send it as Authorization: Bearer. {until}");
    Ok(shown(app, viewer, &made.token.token.name, &text, made.secret).await?)
}

async fn shown(
    app: &App,
    viewer: &Viewer,
    name: &str,
    text: &str,
    secret: Option<String>,
) -> Result<Response, HubError> {
    let path = Section::Tokens.path().to_owned();
    secret_page(app, viewer, Section::Tokens, name, text, secret.unwrap_or_default(), path).await
}

/// `POST /settings/tokens/{id}/rotate`
pub(in crate::http::pages::settings) async fn rotate(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<TokenId>,
    form: PostedForm,
) -> PageResult {
    let draft = Draft::of(&form).number("overlap_seconds");
    let key = repeatable(&form, &draft.bytes())?;
    let made = app.hub.rotate_token(&viewer.caller, id, draft.read()?, key).await?;
    let text = match form.get("overlap_seconds") {
        Some("0") => "The earlier secrets are void.",
        _ => "The earlier secret stays valid for the time that you chose.",
    };
    Ok(shown(&app, &viewer, &made.token.token.name, text, made.secret).await?)
}

/// `POST /settings/tokens/{id}/revoke`
pub(in crate::http::pages::settings) async fn revoke(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<TokenId>,
    _: PostedForm,
) -> PageResult {
    app.hub.revoke_token(&viewer.caller, id).await?;
    Ok(went_well(Section::Tokens.path(), "revoked"))
}
