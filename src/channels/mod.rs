//! What each kind of target is sent: a template's JSON, checked against the channel's schema and its size, and how its answer
//! is read.
//!
//! A channel turns a [`EventNotice`] into a body and judges an answer. It sends nothing and knows neither endpoints nor deliveries.

mod chat;
mod cloudevents;
mod custom;
mod declaration;
mod discord;
mod google_chat;
mod mentions;
mod notice;
mod preview;
pub mod redact;
mod registry;
pub mod samples;
mod schema;
mod slack;
mod slack_app;
mod slack_short;
mod slack_shown;
mod slack_text;
mod teams;
mod templates;
pub mod text;
mod view;

pub use declaration::{Declaration, Meaning, Receipt, Short};
pub use notice::{EventNotice, Links, SlotLinks, Subject};
pub use preview::{Preview, Samples};
pub use schema::{SCHEMAS, SchemaError, Validators, schema_at};
pub use slack_app::{PostMode, Posting, addressed, is_aside};
pub use slack_text::{code_for_people as slack_code, text_for_people as slack_text};
pub use templates::{
    DEFAULT, FileReach, FileTemplate, MAX_TEMPLATE, Occasion, Override, RenderError, SyntaxError, TemplateSet,
    TemplatesError, applying, is_name, needs_resource,
};
pub(crate) use view::is_language;

use self::slack_app::ApiCall;
use self::templates::Templates;
use crate::store::endpoints::Channel;

/// Renders for all channels.
pub struct Channels {
    templates: Templates,
    validators: Validators,
}

impl Channels {
    /// With the built-in templates, overridden by those in `folder` (laid out like `templates/notifications`).
    ///
    /// # Errors
    /// When a template cannot be read or is not a template.
    pub fn new(folder: Option<&std::path::Path>) -> Result<Self, TemplatesError> {
        Ok(Self { templates: Templates::load(folder)?, validators: Validators::new()? })
    }

    /// The message, made with the operator's templates. When they fail it is made with those below them, and what failed is told.
    ///
    /// # Errors
    /// When the built-in template fails, or what it renders is no JSON, not what the channel takes, or too big for it.
    pub fn render_message(
        &self,
        channel: Channel,
        manner: Manner<'_>,
        notice: &EventNotice<'_>,
        overrides: &[Override],
    ) -> Result<RenderedMessage, RenderError> {
        let (mut problem, mut refused, mut is_operators) = (None, None, false);
        for layer in self.templates.layers(channel, overrides) {
            is_operators |= !layer.as_ref().is_ok_and(|set| set.is_built_in());
            let made = layer.map_err(RenderError::from).and_then(|set| self.by(&set, manner, notice));
            match made {
                Ok(ApiCall { method, body }) => return Ok(RenderedMessage { method, body, is_operators, problem }),
                Err(error) => {
                    problem.get_or_insert_with(|| error.clone());
                    refused = Some(error);
                }
            }
        }
        Err(refused.unwrap_or_else(|| RenderError::Missing(notice.kind.to_owned())))
    }

    /// The body, made with the hub's own templates.
    ///
    /// # Errors
    /// As [`Self::render_message`].
    pub fn render(&self, channel: Channel, notice: &EventNotice<'_>) -> Result<String, RenderError> {
        self.render_message(channel, Manner::Body, notice, &[]).map(|said| said.body)
    }

    /// The message in short form, made without templates: for a target that refused the whole one for its form.
    ///
    /// # Errors
    /// When the channel has no short form, or what the event is about cannot be read.
    pub fn render_short(
        &self,
        channel: Channel,
        manner: Manner<'_>,
        notice: &EventNotice<'_>,
    ) -> Result<(Option<&'static str>, String), RenderError> {
        let declaration = Declaration::of(channel);
        let (Some(short), Some(limits)) = (declaration.short, declaration.limits) else {
            return Err(RenderError::Missing(notice.kind.to_owned()));
        };
        let posting = if let Manner::Call(posting) = manner { Some(posting) } else { None };
        let shows_links = posting.is_none_or(|posting| posting.shows_links);
        let text = (short.text)(&chat::template_data(limits, notice)?, shows_links);
        let ApiCall { method, body } = slack_app::in_short(text, posting);
        Ok((method, body))
    }

    fn by(&self, set: &TemplateSet, manner: Manner<'_>, notice: &EventNotice<'_>) -> Result<ApiCall, RenderError> {
        let (declaration, validators) = (set.declaration(), &self.validators);
        let body = match (manner, declaration.limits) {
            (Manner::Call(posting), Some(limits)) => {
                return slack_app::render(limits, set, validators, notice, posting);
            }
            (Manner::Cloudevent { source }, _) => cloudevents::render(set, validators, notice, source)?,
            (_, Some(limits)) => chat::render(declaration, limits, set, validators, notice)?,
            (_, None) => custom::render(set, validators, notice)?,
        };
        Ok(ApiCall { method: None, body })
    }
}

/// How a message is laid out.
#[derive(Debug, Clone, Copy)]
pub enum Manner<'m> {
    /// As the channel's own body.
    Body,
    /// As a `CloudEvent` from the hub at `source`; for custom endpoints.
    Cloudevent {
        /// The hub's URL.
        source: &'m str,
    },
    /// As a call of the target's API.
    Call(&'m Posting),
}

/// A message, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedMessage {
    /// Of an API, which of its methods is called.
    pub method: Option<&'static str>,
    /// JSON.
    pub body: String,
    /// Whether an operator's template was there to make it.
    pub is_operators: bool,
    /// What was wrong with that one: the message was made with the one below it.
    pub problem: Option<RenderError>,
}
