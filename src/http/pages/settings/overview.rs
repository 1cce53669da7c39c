//! The first set-up page: how much there is, and what needs a look.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::section::{Frame, Section};
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::hub::SettingsOverview;

#[derive(Template)]
#[template(path = "pages/settings/overview.html")]
struct OverviewPage {
    shell: Shell,
    frame: Frame,
    overview: SettingsOverview,
}

/// `GET /settings`
pub(in crate::http::pages::settings) async fn show(State(app): State<App>, viewer: Viewer) -> PageResult {
    let overview = app.hub.settings_overview(&viewer.caller).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Overview).await?;
    Ok(page_response(StatusCode::OK, &OverviewPage { shell, frame, overview }))
}
