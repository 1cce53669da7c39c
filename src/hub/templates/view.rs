//! The public form of templates, and reading them.

use serde::Serialize;

use super::named::{TemplateFor, check_name};
use super::trial::TemplateTargets;
use crate::approval::{EndpointName, ResourceName};
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Right};
use crate::ids::EndpointId;
use crate::store::endpoints::Channel;
use crate::store::templates::{self, Reach, StoredTemplate, TemplateKey};
use crate::time::Timestamp;

/// Where a template's text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    BuiltIn,
    /// The operator's template folder.
    File,
    /// The database.
    Stored,
}

/// The public form of a template.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateView {
    pub channel: Channel,
    /// An event, `default`, or a part.
    pub event: String,
    /// The endpoint that it is limited to.
    pub endpoint: Option<EndpointRef>,
    /// The resource that it is limited to.
    pub resource: Option<ResourceName>,
    pub source: Source,
    /// `None` unless it is stored in the database.
    pub version: Option<TemplateVersion>,
    /// Its text; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A reference to an endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointRef {
    pub id: EndpointId,
    /// `None` once the endpoint is deleted.
    pub name: Option<EndpointName>,
}

/// A version of a template.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateVersion {
    /// From 1.
    pub number: u32,
    pub author: String,
    pub created_at: Timestamp,
    /// Whether this version deleted the template.
    pub is_deletion: bool,
    /// Size of its text.
    pub bytes: usize,
    /// Its text; left out in lists of templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A complete list, in the form of a page.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateList<T> {
    pub items: Vec<T>,
    /// Always `None`.
    pub next_cursor: Option<String>,
}

impl<T> TemplateList<T> {
    const fn of(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

impl TemplateVersion {
    fn of(template: &StoredTemplate) -> Self {
        let StoredTemplate { version, text, author, created_at, .. } = template;
        Self {
            number: *version,
            author: author.clone(),
            created_at: *created_at,
            is_deletion: text.is_none(),
            bytes: text.as_ref().map_or(0, |text| text.len()),
            template: None,
        }
    }
}

impl TemplateView {
    pub(super) fn of_stored(targets: &TemplateTargets, template: &StoredTemplate) -> Self {
        let text = template.text.as_deref().map(str::to_owned);
        let version = Some(TemplateVersion::of(template));
        Self { version, template: text, ..Self::new(targets, &template.key, Source::Stored) }
    }

    fn new(targets: &TemplateTargets, key: &TemplateKey, source: Source) -> Self {
        let (endpoint, resource) = match &key.reach {
            Reach::All => (None, None),
            Reach::Endpoint(id) => (Some(EndpointRef { id: *id, name: targets.name_of(*id).cloned() }), None),
            Reach::Resource(name) => (None, Some(name.clone())),
        };
        Self {
            channel: key.channel,
            event: key.name.clone(),
            endpoint,
            resource,
            source,
            version: None,
            template: None,
        }
    }
}

impl Hub {
    /// Lists the current templates in the database, without their texts.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn templates(&self, caller: &Principal) -> Result<TemplateList<TemplateView>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let targets = self.template_targets().await?;
        let shown = |template| TemplateView { template: None, ..TemplateView::of_stored(&targets, template) };
        Ok(TemplateList::of(targets.current.iter().map(shown).collect()))
    }

    /// Returns a template: the one in the database, or else the file or built-in one that is used instead.
    ///
    /// # Errors
    /// When the caller may not see it, or there is no such event or endpoint.
    pub async fn template(
        &self,
        caller: &Principal,
        channel: Channel,
        name: String,
        what: TemplateFor,
    ) -> Result<TemplateView, HubError> {
        require(caller, Right::ReadConfiguration)?;
        check_name("", channel, &name)?;
        let targets = self.template_targets().await?;
        let key = TemplateKey { channel, name, reach: targets.reach(channel, "", &what)? };
        if let Some(stored) = targets.current.iter().find(|known| known.key == key) {
            return Ok(TemplateView::of_stored(&targets, stored));
        }
        let channels = self.launcher.channels();
        let file = targets.file(channels.files(), &key).map(|file| (file.template.text.to_string(), false));
        let below = file.or_else(|| channels.below(channel, &key.name));
        let (text, is_built_in) = below.ok_or(HubError::NotFound("template"))?;
        let source = if is_built_in { Source::BuiltIn } else { Source::File };
        Ok(TemplateView { template: Some(text), ..TemplateView::new(&targets, &key, source) })
    }

    /// Lists the versions of a template, newest first.
    ///
    /// # Errors
    /// When the caller may not see them, or there is no such endpoint.
    pub async fn template_versions(
        &self,
        caller: &Principal,
        channel: Channel,
        name: String,
        what: TemplateFor,
    ) -> Result<TemplateList<TemplateVersion>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let key = TemplateKey { channel, name, reach: self.template_targets().await?.reach(channel, "", &what)? };
        let versions = templates::versions(&mut self.store.read().await?, &key).await?;
        let shown = |template: &StoredTemplate| {
            let text = template.text.as_deref().map(str::to_owned);
            TemplateVersion { template: text, ..TemplateVersion::of(template) }
        };
        Ok(TemplateList::of(versions.iter().map(shown).collect()))
    }
}
