//! The page of the first run. Each step is open until it is done.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::matrix::Matrix;
use super::recipes::{RECIPES, Recipe};
use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::Viewer;
use crate::hub::{FirstRun, HubError};
use crate::ids::RequestId;

#[derive(Template)]
#[template(path = "pages/settings/start.html")]
pub(super) struct StartPage {
    shell: Shell,
    frame: Frame,
    form: Form,
    /// What there is already.
    found: FirstRun,
    recipes: &'static [Recipe; 3],
    sample: Option<Sample>,
}

/// The sample request.
struct Sample {
    id: String,
    url: String,
    status: &'static str,
    is_pending: bool,
    code: Option<Matrix>,
}

impl StartPage {
    /// The page with what is typed in its forms.
    pub(super) async fn new(
        app: &App,
        viewer: &Viewer,
        form: Form,
        sample: Option<RequestId>,
    ) -> Result<Self, HubError> {
        let found = app.hub.first_run(&viewer.caller).await?;
        let sample = match sample {
            Some(id) => Some(Self::sample(app, viewer, id).await?),
            None => None,
        };
        let (shell, frame) = Frame::of(app, viewer, Section::Overview).await?;
        Ok(Self { shell, frame, form, found, recipes: &RECIPES, sample })
    }

    async fn sample(app: &App, viewer: &Viewer, id: RequestId) -> Result<Sample, HubError> {
        let view = app.hub.show(&viewer.caller, id).await?;
        let url = format!("{}/requests/{id}", app.hub.public_url());
        let is_pending = view.status == crate::approval::Status::Pending;
        Ok(Sample { id: id.to_string(), code: Matrix::of(&url), url, status: view.status.as_str(), is_pending })
    }
}

/// `GET /settings/start`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let sample = query.get("sample").and_then(|id| id.parse().ok());
    let form = Form::of(vec![("members", format!("{}\n", viewer.session.person)), ("recipe", "database".to_owned())]);
    let mut page = StartPage::new(&app, &viewer, form, sample).await?;
    page.frame = page.frame.after(&query);
    Ok(page_response(StatusCode::OK, &page))
}
