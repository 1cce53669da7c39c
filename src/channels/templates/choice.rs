//! Which templates of an operator's a message is made with.

use std::collections::BTreeMap;

use super::{FileReach, FileTemplate, Override};
use crate::approval::{EndpointName, ResourceName};
use crate::ids::EndpointId;
use crate::store::endpoints::Channel;
use crate::store::templates::{Reach, StoredTemplate};

/// What a message is about and for.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'o> {
    /// Of which channel.
    pub channel: Channel,
    /// For whom.
    pub endpoint: Option<(EndpointId, &'o EndpointName)>,
    /// About what.
    pub resource: Option<&'o str>,
}

/// Those that a message is made with, in the order of their names: the strongest of each name. What is kept is stronger than a file for
/// the same.
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
        Some((strength, Override { id: *id, name: key.name.clone(), text: text.clone()? }))
    });
    let files = files.iter().filter(|file| file.channel == channel).filter_map(|file| {
        let strength = match &file.reach {
            FileReach::Resource(name) => is_about(name).then_some(1)?,
            FileReach::Endpoint(name) => endpoint.is_some_and(|(_, own)| own == name).then_some(3)?,
        };
        Some((strength, file.template.clone()))
    });
    let mut strongest: BTreeMap<String, (i32, Override)> = BTreeMap::new();
    for (strength, template) in stored.chain(files) {
        if strongest.get(&template.name).is_none_or(|(known, _)| *known < strength) {
            strongest.insert(template.name.clone(), (strength, template));
        }
    }
    strongest.into_values().map(|(_, template)| template).collect()
}

/// Whether any template of the channel is for a resource, so that one has to know which.
pub fn tells_resources_apart(templates: &[StoredTemplate], files: &[FileTemplate], channel: Channel) -> bool {
    let stored = |known: &StoredTemplate| known.key.channel == channel && matches!(known.key.reach, Reach::Resource(_));
    let file = |known: &FileTemplate| known.channel == channel && matches!(known.reach, FileReach::Resource(_));
    templates.iter().any(stored) || files.iter().any(file)
}
