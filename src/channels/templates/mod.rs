//! Templates: Handlebars text that renders JSON. Each channel has its own registry, because each has its own escape
//! function.
//!
//! **Layers.** An operator's templates override the built-in ones by name (an event, `default`, or a part `_name`).
//! From weakest to strongest: built-in; a file for the channel; stored for the channel; a file, then stored, for the
//! resource; a file, then stored, for the endpoint ([`applying`]). [`Templates::layers`] returns one [`TemplateSet`]
//! per strength, the strongest first, so that a failing template falls back one step and not to the built-in one at
//! once. Compiled sets are cached by the ids of their templates: a changed text has a new id, so the cache never
//! needs invalidation.
//!
//! **From text to output:**
//!
//! 1. `source` checks the text before Handlebars parses it (size, number of blocks, nesting of calls), because the
//!    parser recurses. It then rejects raw output `{{{…}}}`, decorators, and part names that are not literals. So no
//!    template can write a value unescaped, and its parts are known without data.
//! 2. `expand` inserts the parts into the template once, on first use. Rendering then looks nothing up, a part cannot
//!    contain itself, and the number of elements is known before rendering. It adds a counter to each loop.
//! 3. `set` renders. Unknown names are errors (strict mode), so that a typing mistake does not produce an empty text.
//! 4. `fuel` bounds the rendering: iterations times elements, bytes of output, and a second of time. A template that
//!    exceeds them is not rendered again until it changes, or every event would cost that second.
//!
//! **Twins.** Handlebars does not report which line wrote a place of the output. When a body is invalid, `lines`
//! renders a twin of the template, in which each line ends with a mark that contains its number, and reads the line
//! from the first mark after the fault. Similarly, `origin` marks the text of values, so that `mentions` can see
//! whether a value is part of a mention. Marks are private-use characters that no template may contain and that
//! values cannot write. A valid message without mentions needs no twin.
//!
//! Escaping and the helpers (`helpers`) are part of the public contract in `docs/templates.md`.

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

/// Most cached sets.
const MOST_SETS: usize = 32;

/// The built-in templates, the operator's files, and a cache of compiled sets.
pub(super) struct Templates {
    built_in: BTreeMap<&'static str, Arc<TemplateSet>>,
    /// Sets of channels for which the operator has files.
    files: BTreeMap<&'static str, Arc<TemplateSet>>,
    /// Template files for single endpoints and resources.
    reaches: Vec<FileTemplate>,
    /// Cached sets by channel and ids of the overriding templates. A std mutex: held for a lookup, never across an
    /// await.
    stored: Mutex<HashMap<(Channel, Vec<TemplateId>), Layer>>,
}

/// A set, or the error of an invalid template.
type Layer = Result<Arc<TemplateSet>, SyntaxError>;

impl Templates {
    /// Loads the built-in templates, and the files in `folder` over them.
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

    /// The template files for single endpoints and resources.
    pub(super) fn reaches(&self) -> &[FileTemplate] {
        &self.reaches
    }

    /// Returns the sets to render with, the strongest first. Each one lacks the strongest templates of the set before
    /// it.
    pub(super) fn layers(&self, channel: Channel, overrides: &[Override]) -> impl Iterator<Item = Layer> {
        let name = channel.as_str();
        let strengths: BTreeSet<u8> = overrides.iter().map(|template| template.strength).collect();
        let stored = strengths.into_iter().rev().map(move |most| self.stored(channel, &strongest(overrides, most)));
        let below = [self.files.get(name), self.built_in.get(name)];
        stored.chain(below.into_iter().flatten().cloned().map(Ok))
    }

    /// Returns the set with these overrides, from the cache if possible.
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

    /// Builds the set with these overrides, without caching it.
    pub(super) fn try_out(&self, channel: Channel, overrides: &[Override]) -> Layer {
        self.over(channel, &strongest(overrides, u8::MAX))
    }

    fn over(&self, channel: Channel, overrides: &[&Override]) -> Layer {
        let name = channel.as_str();
        let sources = self.files.get(name).or_else(|| self.built_in.get(name)).map(|set| set.sources.clone());
        let texts = overrides.iter().map(|template| (template.name.as_str(), &*template.text));
        layer(channel, sources.unwrap_or_default(), texts)
    }

    /// Returns the text of a template from the files or the built-in ones, and whether it is built in.
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

/// Makes a set with an operator's templates over `below`. Templates are expanded when they are used.
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
