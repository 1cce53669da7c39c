//! What each kind of target is sent: a template's JSON, checked against the channel's schema and its size, and how its answer
//! is read.
//!
//! A channel turns a [`Notice`] into a body and judges an answer. It sends nothing and knows neither endpoints nor deliveries.

mod chat;
mod cloudevents;
mod custom;
mod declaration;
mod discord;
mod engine;
mod google_chat;
mod helpers;
mod lines;
mod notice;
pub mod redact;
pub mod samples;
mod schema;
mod slack;
mod slack_app;
mod teams;
pub mod text;
mod view;

pub use declaration::{Declaration, Meaning, Receipt};
pub use engine::{RenderError, Templates, TemplatesError};
pub use notice::{Links, Notice, SlotLinks, Subject};
pub use schema::{SCHEMAS, SchemaError, Validators};
pub use slack::{code_for_people as slack_code, text_for_people as slack_text};
pub use slack_app::{Call, Posting, Way, addressed, is_aside};

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

    /// The call of Slack's API that says it.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn call(&self, notice: &Notice<'_>, posting: &Posting) -> Result<Call, RenderError> {
        slack_app::render(&self.templates, &self.validators, notice, posting)
    }

    /// The body to send.
    ///
    /// # Errors
    /// When the template fails, or what it renders is no JSON, not what the channel takes, or too big for it.
    pub fn render(&self, channel: Channel, notice: &Notice<'_>) -> Result<String, RenderError> {
        let declaration = Declaration::of(channel);
        match declaration.room {
            Some(room) => chat::render(declaration, room, &self.templates, &self.validators, notice),
            None => custom::render(&self.templates, &self.validators, notice),
        }
    }

    /// The body to send to a custom endpoint that wants CloudEvents from the hub at `source`.
    ///
    /// # Errors
    /// As [`Channels::render`].
    pub fn render_cloudevent(&self, notice: &Notice<'_>, source: &str) -> Result<String, RenderError> {
        cloudevents::render(&self.templates, &self.validators, notice, source)
    }
}
