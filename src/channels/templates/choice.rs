//! Chooses the operator's templates for a message.

use std::collections::BTreeMap;

use super::files::{FileReach, FileTemplate};
use super::kept::Override;
use crate::approval::{EndpointName, ResourceName};
use crate::ids::EndpointId;
use crate::store::endpoints::Channel;
use crate::store::templates::{Reach, StoredTemplate};

/// The message for which templates are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'o> {
    pub channel: Channel,
    /// The recipient, when it is a configured endpoint.
    pub endpoint: Option<(EndpointId, &'o EndpointName)>,
    /// The request's resource.
    pub resource: Option<&'o str>,
}

/// Returns the templates that apply to a message, each with its strength. A stored template is stronger than a file
/// for the same endpoint or resource.
pub fn applying(templates: &[StoredTemplate], files: &[FileTemplate], occasion: Occasion<'_>) -> Vec<Override> {
    let Occasion { channel, endpoint, resource } = occasion;
    let is_about = |name: &ResourceName| resource == Some(name.as_str());
    let stored = templates.iter().filter(|template| template.key.channel == channel).filter_map(|template| {
        let strength = match &template.key.reach {
            Reach::All => 0,
            Reach::Resource(name) => is_about(name).then_some(2)?,
            Reach::Endpoint(id) => endpoint.is_some_and(|(own, _)| own == *id).then_some(4)?,
        };
        let StoredTemplate { id, key, text, .. } = template;
        Some(Override { id: *id, name: key.name.clone(), text: text.clone()?, strength })
    });
    let files = files.iter().filter(|file| file.channel == channel).filter_map(|file| {
        let strength = match &file.reach {
            FileReach::Resource(name) => is_about(name).then_some(1)?,
            FileReach::Endpoint(name) => endpoint.is_some_and(|(_, own)| own == name).then_some(3)?,
        };
        Some(Override { strength, ..file.template.clone() })
    });
    stored.chain(files).collect()
}

/// Returns the strongest template of each name, among those of at most strength `most`.
pub(super) fn strongest(overrides: &[Override], most: u8) -> Vec<&Override> {
    let mut strongest: BTreeMap<&str, &Override> = BTreeMap::new();
    for template in overrides.iter().filter(|template| template.strength <= most) {
        let known = strongest.entry(&template.name).or_insert(template);
        if known.strength < template.strength {
            *known = template;
        }
    }
    strongest.into_values().collect()
}

/// Whether any template of the channel is for a resource, so that choosing requires the request's resource.
pub fn needs_resource(templates: &[StoredTemplate], files: &[FileTemplate], channel: Channel) -> bool {
    let stored = |known: &StoredTemplate| known.key.channel == channel && matches!(known.key.reach, Reach::Resource(_));
    let file = |known: &FileTemplate| known.channel == channel && matches!(known.reach, FileReach::Resource(_));
    templates.iter().any(stored) || files.iter().any(file)
}
