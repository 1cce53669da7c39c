//! What each kind of target is sent: a template's JSON, checked against the channel's schema and its size, and how its answer
//! is read.
//!
//! A channel turns a [`Notice`] into a body and judges an answer. It sends nothing and knows neither endpoints nor deliveries.

mod custom;
mod engine;
mod helpers;
mod lines;
mod notice;
mod schema;
mod teams;
pub mod text;

pub use engine::{RenderError, Templates, TemplatesError};
pub use notice::{Links, Notice, SlotLinks, Subject};
pub use schema::{SCHEMAS, SchemaError, Validators};

use crate::store::endpoints::Channel;

/// Renders for all channels.
pub struct Channels {
    templates: Templates,
    validators: Validators,
}

/// How a target's answer is to be read when its HTTP status says success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Success {
    /// It has the message.
    Delivered,
    /// It took the message; what becomes of it shows elsewhere.
    Accepted,
    /// It says yes and means no.
    Refused(String),
}

impl Channels {
    /// With the built-in templates, overridden by those in `folder` (laid out like `templates/notifications`).
    ///
    /// # Errors
    /// When a template cannot be read or is not a template.
    pub fn new(folder: Option<&std::path::Path>) -> Result<Self, TemplatesError> {
        Ok(Self { templates: Templates::load(folder)?, validators: Validators::new()? })
    }

    /// The body to send.
    ///
    /// # Errors
    /// When the template fails, or what it renders is no JSON, not what the channel takes, or too big for it.
    pub fn render(&self, channel: Channel, notice: &Notice<'_>) -> Result<String, RenderError> {
        match channel {
            Channel::Teams => teams::render(&self.templates, &self.validators, notice),
            Channel::Custom => custom::render(&self.templates, &self.validators, notice),
        }
    }

    /// What a 2xx answer means on that channel.
    pub fn judge_success(channel: Channel, status: u16, answer: &str) -> Success {
        match channel {
            Channel::Teams => teams::judge_success(status, answer),
            Channel::Custom => Success::Delivered,
        }
    }
}
