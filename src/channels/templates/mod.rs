//! Templates: Handlebars text that renders JSON, one registry per channel, since each channel has an escape of its own.
//!
//! `{{…}}` is always escaped and `{{{…}}}` refused, so that no template can let a requester's text out raw. An operator's templates
//! lie over the built-in ones in layers: a folder read at the start, and what is kept in the database, for all endpoints of the
//! channel, for a resource, or for an endpoint. When a layer fails, the one below it is used. How long a template may take, how much it
//! may write and how deep it may go is bounded.

pub(super) mod built_in;
mod choice;
mod error;
mod expand;
mod files;
mod fuel;
mod helpers;
mod kept;
mod lines;
pub(super) mod origin;
mod set;
mod source;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use choice::{Occasion, applying, needs_resource};
pub use error::{RenderError, SyntaxError, TemplatesError};
pub use files::{FileReach, FileTemplate};
pub use kept::{DEFAULT, Override, is_name};
pub(super) use set::RenderedTemplate;
pub use set::TemplateSet;
pub use source::MAX_TEMPLATE;

use self::choice::strongest;
use self::files::{check_folders, read_folder, read_reaches};
use self::set::Sources;
use self::source::TemplateSource;
use super::Declaration;
use crate::ids::TemplateId;
use crate::store::endpoints::Channel;

/// Most sets that are kept compiled.
const MOST_SETS: usize = 32;
/// All templates.
pub(super) struct Templates {
    built_in: BTreeMap<&'static str, Arc<TemplateSet>>,
    /// Of channels that have files of the operator's.
    files: BTreeMap<&'static str, Arc<TemplateSet>>,
    /// Files that are for an endpoint or a resource.
    reaches: Vec<FileTemplate>,
    /// By the channel and what lies over it. A std mutex: held for a look-up, never across an await.
    stored: Mutex<HashMap<(Channel, Vec<TemplateId>), Layer>>,
}

/// A set, or why there is none.
type Layer = Result<Arc<TemplateSet>, SyntaxError>;

impl Templates {
    /// The built-in templates, overridden by `folder/<channel>/<event>.hbs`.
    pub(super) fn load(folder: Option<&Path>) -> Result<Self, TemplatesError> {
        let mut built_in = BTreeMap::new();
        for channel in Channel::ALL {
            let declaration = Declaration::of(channel);
            let sources = over(channel, Sources::new(), declaration.templates.iter().copied())?;
            built_in.insert(channel.as_str(), Arc::new(TemplateSet::new(declaration, sources, true)));
        }
        let mut files = BTreeMap::new();
        if let Some(folder) = folder {
            fs::read_dir(folder).map_err(|cause| TemplatesError::Io { path: folder.to_owned(), cause })?;
            check_folders(folder, &Channel::ALL.map(Channel::as_str))?;
            for channel in Channel::ALL {
                let texts = read_folder(&folder.join(channel.as_str()))?;
                let below = built_in.get(channel.as_str()).map(|set: &Arc<TemplateSet>| set.sources.clone());
                if !texts.is_empty() {
                    let texts = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
                    let set = layer(channel, below.unwrap_or_default(), texts)?;
                    set.check()?;
                    files.insert(channel.as_str(), set);
                }
            }
        }
        let mut templates = Self { built_in, files, reaches: Vec::new(), stored: Mutex::default() };
        if let Some(folder) = folder {
            templates.load_reaches(folder)?;
        }
        Ok(templates)
    }

    fn load_reaches(&mut self, folder: &Path) -> Result<(), TemplatesError> {
        for channel in Channel::ALL {
            let found = read_reaches(&folder.join(channel.as_str()), channel)?;
            for one in &found {
                let together = found.iter().filter(|other| other.reach == one.reach);
                self.try_out(channel, &together.map(|other| other.template.clone()).collect::<Vec<_>>())?.check()?;
            }
            self.reaches.extend(found);
        }
        Ok(())
    }

    /// The files that are for an endpoint or a resource.
    pub(super) fn reaches(&self) -> &[FileTemplate] {
        &self.reaches
    }

    /// The sets to render with: the strongest one, and those to fall back to, each without what made the one before stronger.
    pub(super) fn layers(&self, channel: Channel, overrides: &[Override]) -> impl Iterator<Item = Layer> {
        let name = channel.as_str();
        let strengths: BTreeSet<u8> = overrides.iter().map(|template| template.strength).collect();
        let stored = strengths.into_iter().rev().map(move |most| self.stored(channel, &strongest(overrides, most)));
        let below = [self.files.get(name), self.built_in.get(name)];
        stored.chain(below.into_iter().flatten().cloned().map(Ok))
    }

    /// What lies over the given texts, compiled once.
    fn stored(&self, channel: Channel, overrides: &[&Override]) -> Layer {
        let key = (channel, overrides.iter().map(|template| template.id).collect::<Vec<_>>());
        if let Some(known) = self.stored.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let built = self.over(channel, overrides);
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.len() >= MOST_SETS {
            stored.clear();
        }
        stored.insert(key, built.clone());
        built
    }

    /// The same, without keeping it.
    pub(super) fn try_out(&self, channel: Channel, overrides: &[Override]) -> Layer {
        self.over(channel, &strongest(overrides, u8::MAX))
    }

    fn over(&self, channel: Channel, overrides: &[&Override]) -> Layer {
        let name = channel.as_str();
        let sources = self.files.get(name).or_else(|| self.built_in.get(name)).map(|set| set.sources.clone());
        let texts = overrides.iter().map(|template| (template.name.as_str(), &*template.text));
        layer(channel, sources.unwrap_or_default(), texts)
    }

    /// The text that serves as the template of that name where nothing is kept in the database, and whether it is built in.
    pub(super) fn below(&self, channel: Channel, name: &str) -> Option<(String, bool)> {
        let text = |set: &Arc<TemplateSet>| set.sources.get(name).map(|source| source.text.clone());
        let (file, built_in) = (self.files.get(channel.as_str()), self.built_in.get(channel.as_str()));
        let built_in = built_in.and_then(text);
        match file.and_then(text) {
            Some(text) if built_in.as_ref() != Some(&text) => Some((text, false)),
            _ => built_in.map(|text| (text, true)),
        }
    }
}

/// A set of which some templates are an operator's. Whether each can be put together shows when it is used.
fn layer<'t>(channel: Channel, below: Sources, texts: impl Iterator<Item = (&'t str, &'t str)>) -> Layer {
    Ok(Arc::new(TemplateSet::new(Declaration::of(channel), over(channel, below, texts)?, false)))
}

fn over<'t>(
    channel: Channel,
    mut sources: Sources,
    texts: impl Iterator<Item = (&'t str, &'t str)>,
) -> Result<Sources, SyntaxError> {
    for (name, text) in texts {
        let source = TemplateSource::new(format!("{}/{name}.hbs", channel.as_str()), text)?;
        sources.insert(name.to_owned(), Arc::new(source));
    }
    Ok(sources)
}

#[cfg(test)]
mod tests;
