//! One template: its text with numbered lines, its preview, its versions.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::list::path_of;
use super::preview::{Shown, event_of, sample_of, words};
use crate::approval::ResourceName;
use crate::channels::drawn::Section as Drawn;
use crate::channels::samples::Sample;
use crate::channels::text::Part;
use crate::channels::{Preview, PreviewProblem};
use crate::codes::Code;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::words as done_words;
use crate::http::pages::settings::editor::Editor;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::sign_in::redirect;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{HubError, PreviewInput, RestoreInput, TemplateFor, TemplateInput, TemplateVersion};
use crate::identity::Right;
use crate::store::endpoints::Channel;

/// The template that a page is about.
struct Which {
    channel: Channel,
    event: String,
    endpoint: Option<String>,
    resource: Option<ResourceName>,
    sample: Sample,
}

impl Which {
    fn of(channel: Channel, event: String, read: impl Fn(&str) -> Option<String>) -> Result<Self, HubError> {
        let invalid = |_| HubError::invalid(Code::InvalidParameter, "", "there is no such resource");
        let resource = read("resource").map(|name| name.parse().map_err(invalid)).transpose()?;
        Ok(Self { channel, event, endpoint: read("endpoint"), resource, sample: sample_of(read("sample").as_deref()) })
    }

    fn target(&self) -> TemplateFor {
        TemplateFor { endpoint: self.endpoint.clone(), resource: self.resource.clone() }
    }

    fn path(&self) -> String {
        path_of(self.channel, &self.event, self.endpoint.as_deref(), self.resource.as_ref().map(ResourceName::as_str))
    }

    fn with(&self, name: &str, value: &str) -> String {
        let path = self.path();
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}{name}={value}")
    }

    /// Renders a text with the sample; none for readers who may not.
    async fn preview(&self, app: &App, viewer: &Viewer, text: Option<&str>) -> Result<Option<Preview>, HubError> {
        if !viewer.caller.may(Right::Configure) {
            return Ok(None);
        }
        let input = PreviewInput {
            channel: self.channel,
            event: self.event.clone(),
            template: text.map(str::to_owned),
            endpoint: self.endpoint.clone(),
            resource: self.resource.clone(),
            events: Some(vec![event_of(&self.event)]),
            samples: Some(vec![self.sample]),
        };
        Ok(app.hub.preview_template(&viewer.caller, input).await?.previews.into_iter().next())
    }
}

#[derive(Template)]
#[template(path = "pages/settings/template.html")]
struct TemplatePage {
    shell: Shell,
    frame: Frame,
    channel: &'static str,
    event: String,
    endpoint: String,
    resource: String,
    /// Where the text comes from.
    source: String,
    is_stored: bool,
    editor: Editor,
    /// What is wrong with the preview, if the text was not refused.
    shown: Option<Shown>,
    /// Whether the drawing is of the stored text, since the other one fails.
    draws_stored: bool,
    samples: Vec<(String, &'static str, bool)>,
    sample: &'static str,
    versions: Vec<Line>,
    path: String,
}

/// A version.
struct Line {
    number: u32,
    at: PageTime,
    by: String,
    is_deletion: bool,
    is_current: bool,
}

fn lines(versions: &[TemplateVersion], current: Option<u32>, viewer: &Viewer) -> Vec<Line> {
    let line = |version: &TemplateVersion| Line {
        number: version.number,
        at: viewer.reader.time(version.created_at),
        by: version.author.clone(),
        is_deletion: version.is_deletion,
        is_current: current == Some(version.number),
    };
    versions.iter().map(line).collect()
}

/// The editor of a text that fails, with the line if it is one of this text.
fn refused(which: &Which, text: &str, problem: &PreviewProblem) -> Editor {
    let own = format!("{}/{}", which.channel.as_str(), which.event);
    let is_own = problem.template.as_ref().is_none_or(|template| template.trim_end_matches(".hbs") == own);
    Editor::refused(text, problem.line.filter(|_| is_own), &problem.detail)
}

async fn page(app: &App, viewer: &Viewer, which: &Which, text: Option<&str>) -> Result<TemplatePage, HubError> {
    let (channel, event) = (which.channel, which.event.clone());
    let view = app.hub.template(&viewer.caller, channel, event.clone(), which.target()).await?;
    let versions = app.hub.template_versions(&viewer.caller, channel, event, which.target()).await?.items;
    let stored = view.template.unwrap_or_default();
    let edited = text.unwrap_or(&stored);
    let tried = which.preview(app, viewer, Some(edited)).await?;
    let problem = tried.as_ref().and_then(|preview| preview.problem.as_ref());
    let editor = problem.map_or_else(|| Editor::of(edited), |problem| refused(which, edited, problem));
    let draws_stored = problem.is_some() && text.is_some();
    let drawn = if draws_stored { which.preview(app, viewer, None).await? } else { tried };
    let (shell, frame) = Frame::of(app, viewer, Section::Templates).await?;
    let current = view.version.as_ref().map(|version| version.number);
    Ok(TemplatePage {
        shell,
        frame,
        channel: channel.as_str(),
        event: which.event.clone(),
        endpoint: which.endpoint.clone().unwrap_or_default(),
        resource: which.resource.as_ref().map(ToString::to_string).unwrap_or_default(),
        source: match current {
            Some(number) => format!("version {number}"),
            None => "not changed here: what is built in, or a file of the operator".to_owned(),
        },
        is_stored: current.is_some(),
        editor,
        shown: drawn.as_ref().map(|preview| Shown::of(channel, preview)),
        draws_stored,
        samples: Sample::ALL
            .iter()
            .map(|sample| (which.with("sample", sample.as_str()), words(*sample), *sample == which.sample))
            .collect(),
        sample: which.sample.as_str(),
        versions: lines(&versions, current, viewer),
        path: format!("/settings/templates/{}/{}", channel.as_str(), which.event),
    })
}

/// `GET /settings/templates/{channel}/{event}`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named((channel, event)): Named<(Channel, String)>,
    query: PageQuery,
) -> PageResult {
    let which = Which::of(channel, event, |name| query.get(name).map(str::to_owned))?;
    let earlier = match query.get("version").and_then(|number| number.parse().ok()) {
        Some(number) => version(&app, &viewer, &which, number).await?,
        None => None,
    };
    let mut page = page(&app, &viewer, &which, earlier.as_deref()).await?;
    page.frame.done = query.get("done").and_then(done_words);
    Ok(page_response(StatusCode::OK, &page))
}

/// The text of an earlier version.
async fn version(app: &App, viewer: &Viewer, which: &Which, number: u32) -> Result<Option<String>, HubError> {
    let found = app.hub.template_versions(&viewer.caller, which.channel, which.event.clone(), which.target()).await?;
    Ok(found.items.into_iter().find(|version| version.number == number).and_then(|version| version.template))
}

fn of_form(channel: Channel, event: String, form: &PostedForm) -> Result<Which, HubError> {
    Which::of(channel, event, |name| form.filled(name).map(str::to_owned))
}

/// `POST /settings/templates/{channel}/{event}`: saves, or only tries.
pub(in crate::http::pages::settings) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Named((channel, event)): Named<(Channel, String)>,
    form: PostedForm,
) -> PageResult {
    let which = of_form(channel, event, &form)?;
    let text = form.get("template").unwrap_or_default();
    if form.filled("try").is_some() {
        return Ok(page_response(StatusCode::OK, &page(&app, &viewer, &which, Some(text)).await?));
    }
    match saved(&app, &viewer, &which, text).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let editor = match problem.problems().iter().find_map(|preview| preview.problem.as_ref()) {
                Some(found) => refused(&which, text, found),
                None => Editor::refused(text, None, problem.detail()),
            };
            let page = page(&app, &viewer, &which, Some(text)).await?;
            Ok(page_response(problem.status(), &TemplatePage { editor, ..page }))
        }
    }
}

async fn saved(app: &App, viewer: &Viewer, which: &Which, text: &str) -> Result<Response, Problem> {
    let input = TemplateInput { template: text.to_owned() };
    app.hub.put_template(&viewer.caller, which.channel, which.event.clone(), which.target(), input).await?;
    Ok(redirect(&which.with("done", "saved")))
}

/// `POST /settings/templates/{channel}/{event}/restore`
pub(in crate::http::pages::settings) async fn restore(
    State(app): State<App>,
    viewer: Viewer,
    Named((channel, event)): Named<(Channel, String)>,
    form: PostedForm,
) -> PageResult {
    let which = of_form(channel, event, &form)?;
    let version = form.get("version").and_then(|number| number.parse().ok());
    let version = version.ok_or(HubError::NotFound("version"))?;
    let input = RestoreInput { version };
    app.hub.restore_template(&viewer.caller, which.channel, which.event.clone(), which.target(), input).await?;
    Ok(redirect(&which.with("done", "restored")))
}

/// `POST /settings/templates/{channel}/{event}/delete`
pub(in crate::http::pages::settings) async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Named((channel, event)): Named<(Channel, String)>,
    form: PostedForm,
) -> PageResult {
    let which = of_form(channel, event, &form)?;
    app.hub.delete_template(&viewer.caller, which.channel, which.event.clone(), which.target()).await?;
    Ok(redirect(&which.with("done", "reset")))
}
