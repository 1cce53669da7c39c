//! How a template is named: its channel, its event or part, and what it is for.

use serde::Deserialize;

use crate::approval::ResourceName;
use crate::channels::{DEFAULT, Declaration, MAX_TEMPLATE, is_name};
use crate::codes::Code;
use crate::hub::{HubError, input};
use crate::store::endpoints::Channel;
use crate::store::templates::Reach;

/// Which template is meant, within its channel.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateFor {
    /// An endpoint, by its id or its name.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// A resource.
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

/// Refuses names that no event and no part has. Chat channels have a template for every event, so none would use `default`.
pub(super) fn check_name(pointer: &str, channel: Channel, name: &str) -> Result<(), HubError> {
    if is_name(name) && (name != DEFAULT || !Declaration::of(channel).is_chat()) {
        return Ok(());
    }
    let detail =
        "a template is called after an event, or, for a part of several, _ and small letters; custom has default too";
    Err(HubError::invalid(Code::UnknownEvent, pointer, detail))
}

pub(super) fn check_text(pointer: &str, text: &str) -> Result<(), HubError> {
    input::text(pointer, text, MAX_TEMPLATE)
}
