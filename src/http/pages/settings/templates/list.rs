//! The templates by channel and event.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use crate::http::App;
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::time::PageTime;
use crate::http::pages::viewer::Viewer;
use crate::hub::TemplateView;
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

#[derive(Template)]
#[template(path = "pages/settings/templates.html")]
struct TemplatesPage {
    shell: Shell,
    frame: Frame,
    own: Vec<Own>,
    channels: Vec<(&'static str, Vec<String>)>,
}

/// A template that was made here.
struct Own {
    path: String,
    channel: &'static str,
    event: String,
    reach: String,
    version: u32,
    author: String,
    at: Option<PageTime>,
}

/// The path of a template's page; what it is limited to stands in the query.
pub(super) fn path_of(channel: Channel, event: &str, endpoint: Option<&str>, resource: Option<&str>) -> String {
    let path = format!("/settings/templates/{}/{event}", channel.as_str());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    endpoint.map(|endpoint| query.append_pair("endpoint", endpoint));
    resource.map(|resource| query.append_pair("resource", resource));
    let query = query.finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

impl Own {
    fn of(view: &TemplateView, viewer: &Viewer) -> Self {
        let endpoint = view.endpoint.as_ref().map(|one| one.id.to_string());
        let resource = view.resource.as_ref().map(ToString::to_string);
        let named = view.endpoint.as_ref().and_then(|one| one.name.as_ref());
        let reach = match (named, &resource) {
            (Some(name), _) => format!("endpoint {name}"),
            (None, Some(resource)) => format!("resource {resource}"),
            (None, None) => "all messages of the channel".to_owned(),
        };
        Self {
            path: path_of(view.channel, &view.event, endpoint.as_deref(), resource.as_deref()),
            channel: view.channel.as_str(),
            event: view.event.clone(),
            reach,
            version: view.version.as_ref().map_or(0, |version| version.number),
            author: view.version.as_ref().map(|version| version.author.clone()).unwrap_or_default(),
            at: view.version.as_ref().map(|version| viewer.reader.time(version.created_at)),
        }
    }
}

/// `GET /settings/templates`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let own = app.hub.templates(&viewer.caller).await?.items;
    let (shell, frame) = Frame::of(&app, &viewer, Section::Templates).await?;
    let events = |channel: Channel| {
        let default = (channel == Channel::Custom).then_some("default");
        default.into_iter().chain(KINDS).map(str::to_owned).collect()
    };
    let page = TemplatesPage {
        shell,
        frame: frame.after(&query),
        own: own.iter().map(|view| Own::of(view, &viewer)).collect(),
        channels: Channel::ALL.map(|channel| (channel.as_str(), events(channel))).into(),
    };
    Ok(page_response(StatusCode::OK, &page))
}
