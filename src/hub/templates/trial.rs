//! Renders templates with samples: to test them before they are saved, and for previews.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::named::{TemplateFor, check_name, check_text};
use crate::approval::{EndpointName, ResourceName};
use crate::channels::samples::Sample;
use crate::channels::{FileReach, FileTemplate, Occasion, Preview, Samples, applying};
use crate::codes::Code;
use crate::hub::{Hub, HubError, input, require};
use crate::identity::{Principal, Right};
use crate::ids::{EndpointId, TemplateId};
use crate::store::StoreError;
use crate::store::endpoints::Channel;
use crate::store::events::KINDS;
use crate::store::templates::{Reach, StoredTemplate, TemplateKey};
use crate::time::Timestamp;

/// Most failures that an error includes.
const MAX_PROBLEMS: usize = 10;

/// The body of a preview.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewInput {
    pub channel: Channel,
    /// The template's name: an event, `default`, or a part.
    pub event: String,
    /// Its text; defaults to the current one.
    #[serde(default)]
    pub template: Option<String>,
    /// Id or name of the endpoint that it is limited to.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The resource that it is limited to.
    #[serde(default)]
    pub resource: Option<ResourceName>,
    /// Kinds of events; defaults to all that use the template.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Kinds of samples; defaults to all.
    #[serde(default)]
    pub samples: Option<Vec<Sample>>,
}

/// The messages that a template renders from samples.
#[derive(Debug, Clone, Serialize)]
pub struct Previews {
    /// Whether all samples succeeded, so that the template can be saved.
    pub ok: bool,
    /// One for each sample.
    pub previews: Vec<Preview>,
}

/// A template to test or save.
#[derive(Debug, Clone)]
pub(in crate::hub) struct Candidate {
    /// Its place in the input, as a JSON Pointer.
    pub(in crate::hub) pointer: String,
    pub(in crate::hub) key: TemplateKey,
    pub(in crate::hub) text: Arc<str>,
}

/// The endpoints that templates may be limited to, and the current templates.
pub(in crate::hub) struct TemplateTargets {
    endpoints: HashMap<EndpointId, (EndpointName, Channel)>,
    by_name: BTreeMap<String, EndpointId>,
    pub(super) current: Vec<StoredTemplate>,
}

impl TemplateTargets {
    /// Adds an endpoint; one that does not exist yet gets a temporary id.
    pub(super) fn expect(&mut self, id: Option<EndpointId>, name: &EndpointName, channel: Channel, now: Timestamp) {
        let known = self.by_name.get(name.as_str()).copied();
        let id = id.or(known).unwrap_or_else(|| EndpointId::mint(now));
        self.by_name.insert(name.to_string(), id);
        self.endpoints.insert(id, (name.clone(), channel));
    }

    /// A message in which a template of that key is used.
    fn occasion<'o>(&'o self, key: &'o TemplateKey) -> Occasion<'o> {
        let unlimited = Occasion { channel: key.channel, endpoint: None, resource: None };
        match &key.reach {
            Reach::All => unlimited,
            Reach::Endpoint(id) => Occasion { endpoint: self.name_of(*id).map(|name| (*id, name)), ..unlimited },
            Reach::Resource(name) => Occasion { resource: Some(name.as_str()), ..unlimited },
        }
    }

    /// The operator's template file with the same key.
    pub(super) fn file<'f>(&self, files: &'f [FileTemplate], key: &TemplateKey) -> Option<&'f FileTemplate> {
        files.iter().filter(|file| file.channel == key.channel && file.template.name == key.name).find(|file| {
            match (&file.reach, &key.reach) {
                (FileReach::Endpoint(name), Reach::Endpoint(id)) => self.name_of(*id) == Some(name),
                (FileReach::Resource(name), Reach::Resource(own)) => name == own,
                _ => false,
            }
        })
    }

    pub(super) fn name_of(&self, id: EndpointId) -> Option<&EndpointName> {
        self.endpoints.get(&id).map(|(name, _)| name)
    }

    /// Resolves the endpoint or resource that a template is limited to.
    pub(in crate::hub) fn reach(&self, channel: Channel, pointer: &str, what: &TemplateFor) -> Result<Reach, HubError> {
        let invalid = |detail| Err(HubError::invalid(Code::InvalidParameter, pointer, detail));
        if let Some(reach) = what.as_reach() {
            return Ok(reach);
        }
        let Some(name) = what.endpoint.as_ref().filter(|_| what.resource.is_none()) else {
            return invalid("a template can be for an endpoint or for a resource, not for both");
        };
        let id =
            name.parse().ok().filter(|id| self.endpoints.contains_key(id)).or_else(|| self.by_name.get(name).copied());
        let known = id.and_then(|id| Some((id, self.endpoints.get(&id)?.1)));
        let (id, of_channel) = known.ok_or(HubError::NotFound("endpoint"))?;
        if of_channel != channel {
            return invalid("the endpoint has another channel");
        }
        Ok(Reach::Endpoint(id))
    }
}

impl Hub {
    /// The current endpoints and templates.
    pub(in crate::hub) async fn template_targets(&self) -> Result<TemplateTargets, StoreError> {
        let lookup = self.store.lookup();
        let endpoints = lookup.endpoints().await?;
        let current = lookup.templates().await?.to_vec();
        let mut targets = TemplateTargets { endpoints: HashMap::new(), by_name: BTreeMap::new(), current };
        let now = self.clock.now();
        endpoints.iter().for_each(|one| targets.expect(Some(one.id), &one.name, one.channel, now));
        Ok(targets)
    }

    /// Tests the templates together, each with all samples that use it.
    pub(in crate::hub) async fn try_templates(
        &self,
        targets: &TemplateTargets,
        wanted: &[Candidate],
    ) -> Result<(), HubError> {
        for one in wanted {
            let failed = |preview: &Preview| preview.problem.is_some();
            let mut problems = self.preview_with(targets, &one.key, wanted, Samples::of(&one.key.name)).await?;
            problems.retain(failed);
            if !problems.is_empty() && one.key.name.starts_with('_') {
                // A part may be saved although another template that uses it already failed before.
                let before = self.preview_with(targets, &one.key, &[], Samples::of(&one.key.name)).await?;
                let is_new = |found: &Preview| {
                    let same = |known: &&Preview| (known.event, known.sample) == (found.event, found.sample);
                    before.iter().find(same).is_none_or(|known| known.problem != found.problem)
                };
                problems.retain(is_new);
            }
            problems.truncate(MAX_PROBLEMS);
            if !problems.is_empty() {
                // The rendered bodies may be long, so they are left out.
                problems.iter_mut().for_each(|preview| preview.body = None);
                return Err(HubError::Template { pointer: one.pointer.clone(), problems });
            }
        }
        Ok(())
    }

    async fn preview_with(
        &self,
        targets: &TemplateTargets,
        key: &TemplateKey,
        wanted: &[Candidate],
        samples: Samples,
    ) -> Result<Vec<Preview>, HubError> {
        let now = self.clock.now();
        let stays = |known: &&StoredTemplate| wanted.iter().all(|one| one.key != known.key);
        let new = |one: &Candidate| StoredTemplate {
            id: TemplateId::mint(now),
            key: one.key.clone(),
            version: 0,
            text: Some(Arc::clone(&one.text)),
            author: String::new(),
            created_at: now,
        };
        let all: Vec<StoredTemplate> =
            targets.current.iter().filter(stays).cloned().chain(wanted.iter().map(new)).collect();
        let channels = Arc::clone(self.launcher.channels());
        let channel = key.channel;
        let overrides = applying(&all, channels.files(), targets.occasion(key));
        // Rendering all samples takes as long as many messages, so few run concurrently.
        let _permit = self.trials.acquire().await.map_err(|_| StoreError::Busy)?;
        let tried = tokio::task::spawn_blocking(move || channels.preview(channel, &overrides, &samples)).await;
        tried.map_err(|_| StoreError::Panicked.into())
    }

    /// Renders a current or proposed template with samples.
    ///
    /// # Errors
    /// When the caller may not, or there is no such endpoint, event or sample.
    pub async fn preview_template(&self, caller: &Principal, input: PreviewInput) -> Result<Previews, HubError> {
        require(caller, Right::Configure)?;
        check_name("/event", input.channel, &input.event)?;
        let mut samples = Samples::of(&input.event);
        if let Some(events) = &input.events {
            input::count("/events", events.len(), KINDS.len())?;
            let known = |event: &String| KINDS.into_iter().find(|kind| kind == event);
            let found: Option<Vec<&'static str>> = events.iter().map(known).collect();
            samples.events =
                found.ok_or_else(|| HubError::invalid(Code::UnknownEvent, "/events", "there is no such event"))?;
        }
        if let Some(sorts) = input.samples {
            input::count("/samples", sorts.len(), Sample::ALL.len())?;
            samples.sorts = sorts;
        }
        let targets = self.template_targets().await?;
        let what = TemplateFor { endpoint: input.endpoint, resource: input.resource };
        let key = TemplateKey {
            channel: input.channel,
            name: input.event,
            reach: targets.reach(input.channel, "/endpoint", &what)?,
        };
        let wanted = input.template.map(|text| {
            check_text("/template", &text)?;
            Ok::<_, HubError>(Candidate { pointer: "/template".to_owned(), key: key.clone(), text: text.into() })
        });
        let wanted: Vec<Candidate> = wanted.transpose()?.into_iter().collect();
        let previews = self.preview_with(&targets, &key, &wanted, samples).await?;
        Ok(Previews { ok: previews.iter().all(|preview| preview.problem.is_none()), previews })
    }
}
