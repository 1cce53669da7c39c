//! Channels: the kinds of targets (Teams, Slack, Discord, Google Chat, custom), the messages that they receive, and
//! the meaning of their answers.
//!
//! A channel turns an [`EventNotice`] into a body, and an answer into a [`Meaning`]. It sends nothing, and knows
//! neither the URLs of endpoints nor deliveries. A body depends only on the notice and the templates, so a retry
//! sends the same message.
//!
//! From an event to a body ([`Channels::render_message`]):
//!
//! 1. **Input.** `delivery` makes the notice: the event, its subject (JSON of the API at that time) after [`redact`],
//!    and the signed links of the slots that the endpoint serves.
//! 2. **View.** `view` reads the subject into the values that all chat templates see, cut to the channel's
//!    `MessageLimits`. Custom templates see the subject itself. Nothing is escaped yet.
//! 3. **Templates.** `templates` returns the layers for this message, the strongest first: an operator's templates
//!    from the database, from files, then the built-in ones.
//! 4. **Escaping.** Every value is written through the channel's functions `escape`, `plain` or `code`, built from
//!    [`text`]: markup, mentions and invisible characters become plain text, and the result fits a JSON string.
//!    Templates cannot write a value raw.
//! 5. **Checks.** The body must be JSON, match the channel's JSON Schema (`schema`) and fit its `Budget`. `mentions`
//!    rejects a body in which a value is part of a mention. When a body is too large or violates the schema, `chat`
//!    halves all texts and renders again, up to six times.
//! 6. **Fallback.** When a layer fails, the next one renders the message; [`RenderedMessage`] reports the failure. A
//!    faulty template of an operator therefore never loses a message. When the built-in template fails, the delivery
//!    fails: that is a bug.
//! 7. **API calls.** `slack_app` adds the method and address, and turns link buttons into buttons that vote in Slack.
//!    An approve button does so only if the message shows the complete request (`slack_shown`) and the policy does
//!    not require the decision page.
//!
//! When Slack rejects the blocks of a message, [`Channels::render_short`] makes a text without templates
//! (`slack_short`).
//!
//! Without an operator's template, `custom` and `cloudevents` copy the subject's JSON text as it is. `preview`
//! renders `samples` with templates that are not stored yet, so that a faulty one is rejected before any event needs
//! it.
//!
//! A new channel needs: a variant of `Channel`, a file with its [`Declaration`] (escape functions, schema, budget,
//! limits, meaning of answers), a line in `registry.rs`, a folder in `templates/notifications/`, and a schema in
//! `schemas/`. All other code asks the declaration. The exceptions are `mentions`, with the forms of mentions of each
//! channel, and this module's choice of a renderer.

mod chat;
mod cloudevents;
mod custom;
mod declaration;
mod discord;
pub mod drawn;
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
pub use preview::{Preview, PreviewProblem, Samples};
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

/// Renders messages for all channels.
pub struct Channels {
    templates: Templates,
    validators: Validators,
}

impl Channels {
    /// Loads the built-in templates, and those in `folder` over them (laid out like `templates/notifications`).
    ///
    /// # Errors
    /// A file cannot be read or is not a valid template.
    pub fn new(folder: Option<&std::path::Path>) -> Result<Self, TemplatesError> {
        Ok(Self { templates: Templates::load(folder)?, validators: Validators::new()? })
    }

    /// Renders the message with the operator's templates. When these fail, falls back to those below, and returns the
    /// failure too.
    ///
    /// # Errors
    /// The built-in template fails, or its output is not JSON, does not match the schema, or is too large.
    pub fn render_message(
        &self,
        channel: Channel,
        format: MessageFormat<'_>,
        notice: &EventNotice<'_>,
        overrides: &[Override],
    ) -> Result<RenderedMessage, RenderError> {
        let (mut problem, mut last_error, mut is_operators) = (None, None, false);
        for layer in self.templates.layers(channel, overrides) {
            is_operators |= !layer.as_ref().is_ok_and(|set| set.is_built_in());
            let rendered = layer.map_err(RenderError::from).and_then(|set| self.render_with(&set, format, notice));
            match rendered {
                Ok(ApiCall { method, body }) => return Ok(RenderedMessage { method, body, is_operators, problem }),
                Err(error) => {
                    problem.get_or_insert_with(|| error.clone());
                    last_error = Some(error);
                }
            }
        }
        Err(last_error.unwrap_or_else(|| RenderError::Missing(notice.kind.to_owned())))
    }

    /// Renders the body with the built-in templates or files alone.
    ///
    /// # Errors
    /// As [`Self::render_message`].
    pub fn render(&self, channel: Channel, notice: &EventNotice<'_>) -> Result<String, RenderError> {
        self.render_message(channel, MessageFormat::Body, notice, &[]).map(|message| message.body)
    }

    /// Makes the short form of a message, for a target that rejected the form of the full one. Returns method and body.
    ///
    /// # Errors
    /// The channel has no short form, or the event's subject cannot be read.
    pub fn render_short(
        &self,
        channel: Channel,
        format: MessageFormat<'_>,
        notice: &EventNotice<'_>,
    ) -> Result<(Option<&'static str>, String), RenderError> {
        let declaration = Declaration::of(channel);
        let (Some(short), Some(limits)) = (declaration.short, declaration.limits) else {
            return Err(RenderError::Missing(notice.kind.to_owned()));
        };
        let posting = if let MessageFormat::Call(posting) = format { Some(posting) } else { None };
        let shows_links = posting.is_none_or(|posting| posting.shows_links);
        let text = (short.text)(&chat::template_data(limits, notice)?, shows_links);
        let ApiCall { method, body } = slack_app::in_short(text, posting);
        Ok((method, body))
    }

    fn render_with(
        &self,
        set: &TemplateSet,
        format: MessageFormat<'_>,
        notice: &EventNotice<'_>,
    ) -> Result<ApiCall, RenderError> {
        let (declaration, validators) = (set.declaration(), &self.validators);
        let body = match (format, declaration.limits) {
            (MessageFormat::Call(posting), Some(limits)) => {
                return slack_app::render(limits, set, validators, notice, posting);
            }
            (MessageFormat::Cloudevent { source }, _) => cloudevents::render(set, validators, notice, source)?,
            (_, Some(limits)) => chat::render(declaration, limits, set, validators, notice)?,
            (_, None) => custom::render(set, validators, notice)?,
        };
        Ok(ApiCall { method: None, body })
    }
}

/// The format of a message.
#[derive(Debug, Clone, Copy)]
pub enum MessageFormat<'m> {
    /// The channel's body.
    Body,
    /// A `CloudEvent` from the hub at `source`; for custom endpoints.
    Cloudevent {
        /// The hub's public URL.
        source: &'m str,
    },
    /// A call of the target's API.
    Call(&'m Posting),
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedMessage {
    /// The method to call, for channels with an API.
    pub method: Option<&'static str>,
    pub body: String,
    /// Whether an operator's template applied to the message.
    pub is_operators: bool,
    /// The failure of the operator's template; the message was then made with one below it.
    pub problem: Option<RenderError>,
}
