//! The first set-up page: how much there is, and what needs a look.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::section::{Frame, Section};
use crate::approval::ResourceName;
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::Viewer;
use crate::hub::SettingsOverview;

#[derive(Template)]
#[template(path = "pages/settings/overview.html")]
struct OverviewPage {
    shell: Shell,
    frame: Frame,
    overview: SettingsOverview,
    /// Names of tokens that expire soon, and when.
    expiring: Vec<(String, PageTime)>,
}

/// Most resources that are named with what to think about.
const NAMED: usize = 3;

impl OverviewPage {
    fn mistakes(&self) -> impl Iterator<Item = &(ResourceName, Vec<String>)> {
        self.overview.mistakes.iter().take(NAMED)
    }

    /// How many resources with something to think about are not named.
    fn further(&self) -> usize {
        self.overview.mistakes.len().saturating_sub(NAMED)
    }
}

/// `GET /settings`
pub(in crate::http::pages::settings) async fn show(State(app): State<App>, viewer: Viewer) -> PageResult {
    let overview = app.hub.settings_overview(&viewer.caller).await?;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Overview).await?;
    let expiring =
        overview.expiring.iter().filter_map(|token| Some((token.name.clone(), viewer.reader.time(token.expires_at?))));
    let expiring = expiring.collect();
    Ok(page_response(StatusCode::OK, &OverviewPage { shell, frame, overview, expiring }))
}
