//! The identity of a template: its channel, its event or part, and the endpoint or resource that it is limited to.

use serde::Deserialize;

use crate::approval::ResourceName;
use crate::channels::{DEFAULT, Declaration, MAX_TEMPLATE, is_name};
use crate::codes::Code;
use crate::hub::{HubError, input};
use crate::store::endpoints::Channel;
use crate::store::templates::Reach;

/// The endpoint or resource that a template is limited to; neither for all messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateFor {
    /// Id or name.
    #[serde(default)]
    pub endpoint: Option<String>,
    #[serde(default)]
    pub resource: Option<ResourceName>,
}

impl TemplateFor {
    pub(super) fn as_reach(&self) -> Option<Reach> {
        match (&self.endpoint, &self.resource) {
            (None, None) => Some(Reach::All),
            (None, Some(resource)) => Some(Reach::Resource(resource.clone())),
            _ => None,
        }
    }
}

/// Rejects names that are neither an event nor a part. `default` is invalid for chat channels: they have a built-in
/// template for every event, so it would never be used.
pub(super) fn check_name(pointer: &str, channel: Channel, name: &str) -> Result<(), HubError> {
    if is_name(name) && (name != DEFAULT || !Declaration::of(channel).is_chat()) {
        return Ok(());
    }
    let detail =
        "a template is named after an event, or a shared part: _ and lower-case letters; custom also has default";
    Err(HubError::invalid(Code::UnknownEvent, pointer, detail))
}

pub(super) fn check_text(pointer: &str, text: &str) -> Result<(), HubError> {
    input::text(pointer, text, MAX_TEMPLATE)
}
