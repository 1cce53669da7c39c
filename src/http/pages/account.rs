//! The account page: who is signed in, what they may do, and where else they are signed in.

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::layout::{PageResult, page_response};
use super::message::{Back, MessagePage};
use super::problem_page;
use super::sign_in::redirect;
use super::time::PageTime;
use super::viewer::{PostedForm, Viewer};
use crate::http::pages::shell::{Place, Shell};
use crate::http::{App, Problem, cookies};
use crate::hub::{HubError, SessionView};
use crate::identity::{Scope, SessionKind, SignInMethod};

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage {
    shell: Shell,
    /// The display name.
    name: String,
    /// The address, if the name is another.
    address: Option<String>,
    how: &'static str,
    rights: Vec<&'static str>,
    /// With whether the membership is by a sign-in that is too old.
    groups: Vec<(String, bool)>,
    sessions: Vec<SessionLine>,
    nonce: String,
}

/// A session in the list.
struct SessionLine {
    id: String,
    is_this: bool,
    kind: &'static str,
    device: String,
    /// What the device said about itself.
    sent: String,
    address: Option<String>,
    how: &'static str,
    last_used_at: PageTime,
    signed_in_at: Option<PageTime>,
    expires_at: PageTime,
}

impl SessionLine {
    fn new(view: SessionView, viewer: &Viewer) -> Self {
        let SessionView { session, client, last_used_at } = view;
        Self {
            id: session.id.to_string(),
            is_this: session.id == viewer.session.id,
            kind: match session.kind {
                SessionKind::Browser => "Browser",
                SessionKind::Device => "Command line",
            },
            device: client.device.as_deref().map_or_else(|| "unknown".to_owned(), device_name),
            sent: client.device.unwrap_or_default(),
            address: client.address,
            how: how(session.method),
            last_used_at: viewer.reader.time(last_used_at),
            signed_in_at: session.signed_in_at.map(|at| viewer.reader.time(at)),
            expires_at: viewer.reader.time(session.expires_at),
        }
    }
}

/// Browsers by the words of their `User-Agent`. Most name others too, so the order matters.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
/// Systems, likewise.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// A browser and system as people call them, or what the device said itself.
fn device_name(sent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| known.iter().find(|(word, _)| sent.contains(word)).map(|known| known.1);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        _ => sent.to_owned(),
    }
}

const fn how(method: SignInMethod) -> &'static str {
    match method {
        SignInMethod::Sso => "with your company account",
        SignInMethod::Link => "with a one-time link",
        SignInMethod::Token => "with your API token",
    }
}

const fn right(scope: Scope) -> &'static str {
    match scope {
        Scope::Admin => "change everything (admin)",
        Scope::Requester => "ask for approval",
        Scope::Approver => "vote where your groups decide",
        Scope::Decider => "vote on behalf of others",
        Scope::Analyst => "read reports and all requests (analyst)",
        Scope::Auditor => "read everything but secrets (auditor)",
        Scope::Scim => "manage people and groups (directory)",
    }
}

/// `GET /account`
pub(in crate::http) async fn show(State(app): State<App>, viewer: Viewer) -> PageResult {
    Ok(page_response(StatusCode::OK, &account_page(&app, &viewer).await?))
}

async fn account_page(app: &App, viewer: &Viewer) -> Result<AccountPage, HubError> {
    let own = &*viewer.session;
    let sessions = app.hub.sessions_of(own).await?;
    let groups = app.hub.groups_of(&own.person).await?;
    let shell = Shell::of(app, viewer, Place::Account).await?;
    let address = own.person.to_string();
    let name = shell.navigation.as_ref().map_or_else(|| address.clone(), |navigation| navigation.name.clone());
    Ok(AccountPage {
        shell,
        address: Some(address).filter(|address| *address != name),
        name,
        how: how(own.method),
        rights: own.scopes.iter().copied().map(right).collect(),
        groups: groups.into_iter().map(|(group, is_fresh)| (group.to_string(), !is_fresh)).collect(),
        sessions: sessions.into_iter().map(|view| SessionLine::new(view, viewer)).collect(),
        nonce: app.hub.session_nonce(own),
    })
}

/// `POST /account/sessions`: ends one session, or all others.
pub(in crate::http) async fn end(State(app): State<App>, viewer: Viewer, form: PostedForm) -> Response {
    let own = &viewer.session;
    let ended = match form.get("session") {
        Some("others") => app.hub.end_other_sessions(own).await,
        Some(id) => match id.parse() {
            Ok(id) => app.hub.end_session(own, id).await,
            Err(_) => Err(HubError::NotFound("session")),
        },
        None => Err(HubError::NotFound("session")),
    };
    match ended {
        // One that is already over is as good as ended.
        Ok(()) | Err(HubError::NotFound(_)) => redirect("/account"),
        Err(error) => problem_page(&Problem::from(error)),
    }
}

/// `POST /sign-out`
pub(in crate::http) async fn sign_out(
    State(app): State<App>,
    Viewer { session: own, .. }: Viewer,
    _: PostedForm,
) -> Response {
    if let Err(error) = app.hub.end_session(&own, own.id).await {
        return problem_page(&Problem::from(error));
    }
    let page = match app.hub.provider_name() {
        Some(provider) if own.method == SignInMethod::Sso => {
            let text = format!(
                "This browser is no longer signed in to this hub. You may still be signed in to {provider}, so that anybody at \
                 this browser could sign in here again."
            );
            let back = Back { label: "Sign out there too", path: "/sign-out/provider".to_owned() };
            MessagePage::new("You are signed out", &text, Some(back))
        }
        _ => {
            let back = Back { label: "Sign in again", path: "/sign-in".to_owned() };
            MessagePage::new("You are signed out", "This browser is no longer signed in.", Some(back))
        }
    };
    let mut response = page_response(StatusCode::OK, &page);
    response.headers_mut().extend(cookies::delete(cookies::SESSION).map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

#[cfg(test)]
mod tests {
    use super::device_name;

    #[test]
    fn devices_are_named_as_people_call_them() {
        for (sent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on macOS",
            ),
            ("build-7.example.com", "build-7.example.com"),
        ] {
            assert_eq!(device_name(sent), name);
        }
    }
}
