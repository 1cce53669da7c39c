//! The form that creates or changes an endpoint.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::fields::{changed_body, details, form_of, new_body};
use crate::http::pages::layout::{PageResult, page_response};
use crate::http::pages::settings::done::went_well;
use crate::http::pages::settings::form::Form;
use crate::http::pages::settings::named::Named;
use crate::http::pages::settings::once::{once, repeatable};
use crate::http::pages::settings::query::PageQuery;
use crate::http::pages::settings::secret::secret_page;
use crate::http::pages::settings::section::{Frame, Section};
use crate::http::pages::shell::Shell;
use crate::http::pages::viewer::{PostedForm, Viewer};
use crate::http::{App, Problem};
use crate::hub::{EndpointView, HubError};
use crate::ids::EndpointId;
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;

#[derive(Template)]
#[template(path = "pages/settings/endpoint_form.html")]
struct EndpointForm {
    shell: Shell,
    frame: Frame,
    form: Form,
    /// Of the endpoint that is changed.
    known: Option<Known>,
    channel: Option<Channel>,
    kinds: [&'static str; 24],
    details: [(&'static str, &'static str); 3],
    formats: [(&'static str, &'static str); 2],
    auths: Vec<(&'static str, &'static str)>,
    once: String,
}

/// What the form says about the endpoint that it changes.
struct Known {
    id: String,
    name: String,
    /// The stored parts that the form does not show, so that they can be removed.
    kept: Vec<(&'static str, &'static str)>,
}

impl Known {
    fn of(endpoint: &EndpointView) -> Self {
        let kept = [
            ("headers", "the headers", !endpoint.headers.is_empty()),
            ("client_certificate", "the client certificate", endpoint.client_certificate.is_some()),
            ("ca_certificate", "the own authorities", endpoint.ca_certificate.is_some()),
            ("proxy", "the proxy", endpoint.proxy.is_some()),
        ];
        let kept = kept.into_iter().filter(|known| known.2).map(|known| (known.0, known.1)).collect();
        Self { id: endpoint.id.to_string(), name: endpoint.name.to_string(), kept }
    }
}

impl EndpointForm {
    async fn new(app: &App, viewer: &Viewer, form: Form, channel: Option<Channel>) -> Result<Self, HubError> {
        let (shell, frame) = Frame::of(app, viewer, Section::Endpoints).await?;
        Ok(Self {
            shell,
            frame,
            form,
            known: None,
            channel,
            kinds: KINDS,
            details: details(),
            formats: [("standard", "Standard Webhooks"), ("cloudevents", "CloudEvents")],
            auths: vec![
                ("", "none"),
                ("basic", "name and password"),
                ("bearer", "a fixed token"),
                ("oauth2", "OAuth 2 client"),
            ],
            once: once(),
        })
    }

    fn changing(self, endpoint: &EndpointView) -> Self {
        let mut auths = self.auths;
        if endpoint.auth.is_some() {
            auths.retain(|known| !known.0.is_empty());
            auths.splice(0..0, [("keep", "keep what it has"), ("none", "none")]);
        }
        Self { known: Some(Known::of(endpoint)), auths, ..self }
    }

    /// What stands beside a field whose stored value is not shown.
    fn kept(&self) -> &'static str {
        if self.known.is_some() { "blank keeps what is stored" } else { "" }
    }

    /// Whether how it is sent differs from the default.
    fn is_special(&self) -> bool {
        let fields = [
            "secret",
            "headers",
            "auth/",
            "client_certificate",
            "ca_certificate",
            "proxy",
            "schedule",
            "rate_per_second",
            "concurrency",
            "heartbeat_seconds",
            "answer_control",
        ];
        fields.iter().any(|field| self.form.uses(field))
            || self.known.as_ref().is_some_and(|known| !known.kept.is_empty())
    }

    /// Whether it is a form for that channel.
    fn is_for(&self, channel: &str) -> bool {
        self.channel.is_some_and(|own| own.as_str() == channel)
    }
}

/// `GET /settings/endpoints/new`: first the channel, then its form.
pub(in crate::http::pages::settings) async fn new(
    State(app): State<App>,
    viewer: Viewer,
    query: PageQuery,
) -> PageResult {
    let channel = query.get("channel").and_then(channel_of);
    let values = vec![("detail", "full".to_owned()), ("slack/direct_messages", "on".to_owned())];
    let form = Form::of(values);
    Ok(page_response(StatusCode::OK, &EndpointForm::new(&app, &viewer, form, channel).await?))
}

fn channel_of(name: &str) -> Option<Channel> {
    Channel::ALL.into_iter().find(|channel| channel.as_str() == name)
}

/// `POST /settings/endpoints/new`
pub(in crate::http::pages::settings) async fn create(
    State(app): State<App>,
    viewer: Viewer,
    form: PostedForm,
) -> PageResult {
    let channel = form.get("channel").and_then(channel_of);
    let channel =
        channel.ok_or_else(|| HubError::invalid(crate::codes::Code::InvalidValue, "/channel", "choose a channel"))?;
    match created(&app, &viewer, &form, channel).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            let page = EndpointForm::new(&app, &viewer, Form::refused(&form, &problem), Some(channel)).await?;
            Ok(page_response(problem.status(), &page))
        }
    }
}

async fn created(app: &App, viewer: &Viewer, form: &PostedForm, channel: Channel) -> Result<Response, Problem> {
    let body = new_body(form, channel);
    let key = repeatable(form, &body.bytes())?;
    let made = app.hub.create_endpoint(&viewer.caller, body.read()?, key).await?;
    let path = format!("/settings/endpoints/{}", made.endpoint.id);
    match made.secret {
        None => Ok(went_well(&path, "created")),
        Some(secret) => {
            let text = "Messages are signed with this secret (Standard Webhooks). Give it to the receiver.";
            Ok(secret_page(app, viewer, Section::Endpoints, made.endpoint.name.as_str(), text, secret, path).await?)
        }
    }
}

/// `GET /settings/endpoints/{id}/edit`
pub(in crate::http::pages::settings) async fn show(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
) -> PageResult {
    let known = app.hub.endpoint(&viewer.caller, id).await?.endpoint;
    let page = EndpointForm::new(&app, &viewer, form_of(&known), Some(known.channel)).await?.changing(&known);
    Ok(page_response(StatusCode::OK, &page))
}

/// `POST /settings/endpoints/{id}/edit`
pub(in crate::http::pages::settings) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    Named(id): Named<EndpointId>,
    form: PostedForm,
) -> PageResult {
    let known = app.hub.endpoint(&viewer.caller, id).await?.endpoint;
    let saved = match changed_body(&form, known.channel).read() {
        Ok(patch) => app.hub.patch_endpoint(&viewer.caller, id, patch).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(_) => Ok(went_well(&format!("/settings/endpoints/{id}"), "saved")),
        Err(problem) => {
            let form = Form::refused(&form, &problem);
            let page = EndpointForm::new(&app, &viewer, form, Some(known.channel)).await?.changing(&known);
            Ok(page_response(problem.status(), &page))
        }
    }
}
