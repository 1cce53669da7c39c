//! Templates as they are shown.

use serde::Serialize;

use super::named::{TemplateFor, check_name};
use super::trial::Places;
use crate::approval::{EndpointName, ResourceName};
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Scope};
use crate::ids::EndpointId;
use crate::store::endpoints::Channel;
use crate::store::templates::{self, Reach, StoredTemplate, TemplateKey};
use crate::time::Timestamp;

/// Where a template's text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It came with the hub.
    BuiltIn,
    /// From the operator's folder.
    File,
    /// It is kept in the database.
    Stored,
}

/// A template, shown.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateView {
    /// Of which channel.
    pub channel: Channel,
    /// An event, `default`, or a part.
    pub event: String,
    /// The endpoint that it is for.
    pub endpoint: Option<EndpointView>,
    /// The resource that it is for.
    pub resource: Option<ResourceName>,
    /// Where the text comes from.
    pub source: Source,
    /// Which version; none of what is not kept in the database.
    pub version: Option<TemplateVersion>,
    /// What it says; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// An endpoint, named.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointView {
    /// Its id.
    pub id: EndpointId,
    /// What it is called; none once it is deleted.
    pub name: Option<EndpointName>,
}

/// A version of a template.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateVersion {
    /// From 1.
    pub number: u32,
    /// Who made it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
    /// Whether the template was taken away by it.
    pub is_deletion: bool,
    /// Its size in bytes.
    pub bytes: usize,
    /// What it says; absent in lists of templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// All of something.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateList<T> {
    /// In order.
    pub items: Vec<T>,
    /// There is never more.
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
    pub(super) fn of_stored(places: &Places, template: &StoredTemplate) -> Self {
        let text = template.text.as_deref().map(str::to_owned);
        let version = Some(TemplateVersion::of(template));
        Self { version, template: text, ..Self::new(places, &template.key, Source::Stored) }
    }

    fn new(places: &Places, key: &TemplateKey, source: Source) -> Self {
        let (endpoint, resource) = match &key.reach {
            Reach::All => (None, None),
            Reach::Endpoint(id) => (Some(EndpointView { id: *id, name: places.name_of(*id).cloned() }), None),
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
    /// All templates that are kept in the database and in use, without their texts.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn templates(&self, caller: &Principal) -> Result<TemplateList<TemplateView>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let places = self.places().await?;
        let shown = |template| TemplateView { template: None, ..TemplateView::of_stored(&places, template) };
        Ok(TemplateList::of(places.current.iter().map(shown).collect()))
    }

    /// A template: the one in the database, or else the one that is used in its place.
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
        require(caller, &[Scope::Auditor])?;
        check_name("", channel, &name)?;
        let places = self.places().await?;
        let key = TemplateKey { channel, name, reach: places.reach(channel, "", &what)? };
        if let Some(stored) = places.current.iter().find(|known| known.key == key) {
            return Ok(TemplateView::of_stored(&places, stored));
        }
        let channels = self.launcher.channels();
        let file = places.file(channels.files(), &key).map(|file| (file.template.text.to_string(), false));
        let below = file.or_else(|| channels.below(channel, &key.name));
        let (text, is_built_in) = below.ok_or(HubError::NotFound("template"))?;
        let source = if is_built_in { Source::BuiltIn } else { Source::File };
        Ok(TemplateView { template: Some(text), ..TemplateView::new(&places, &key, source) })
    }

    /// The versions of a template that are kept, newest first.
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
        require(caller, &[Scope::Auditor])?;
        let key = TemplateKey { channel, name, reach: self.places().await?.reach(channel, "", &what)? };
        let versions = templates::versions(&mut self.store.read().await?, &key).await?;
        let shown = |template: &StoredTemplate| {
            let text = template.text.as_deref().map(str::to_owned);
            TemplateVersion { template: text, ..TemplateVersion::of(template) }
        };
        Ok(TemplateList::of(versions.iter().map(shown).collect()))
    }
}
