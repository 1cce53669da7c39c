//! Saves, restores and deletes templates. Every version is kept.

use serde::Deserialize;
use serde_json::json;

use super::named::{TemplateFor, check_name, check_text};
use super::trial::Candidate;
use super::view::TemplateView;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::{Hub, HubError, require};
use crate::identity::{Principal, Right};
use crate::store::endpoints::Channel;
use crate::store::templates::{self, StoredTemplate, TemplateKey};
use crate::store::{Tx, template_problems};
use crate::time::Timestamp;

/// Most templates in use.
const MAX_TEMPLATES: u64 = 200;

/// The body that sets a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateInput {
    /// Handlebars text that renders JSON.
    pub template: String,
}

/// The version to restore.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreInput {
    pub version: u32,
}

impl Hub {
    /// Saves a template, which takes effect at once. A template that fails with any sample is not saved. Its resource
    /// need not exist yet.
    ///
    /// # Errors
    /// When the caller may not, there is no such endpoint, the template fails, or there are too many.
    pub async fn put_template(
        &self,
        caller: &Principal,
        channel: Channel,
        name: String,
        what: TemplateFor,
        input: TemplateInput,
    ) -> Result<TemplateView, HubError> {
        require(caller, Right::Configure)?;
        check_name("", channel, &name)?;
        check_text("/template", &input.template)?;
        let targets = self.template_targets().await?;
        let key = TemplateKey { channel, name, reach: targets.reach(channel, "", &what)? };
        let wanted = Candidate { pointer: "/template".to_owned(), key: key.clone(), text: input.template.into() };
        self.try_templates(&targets, std::slice::from_ref(&wanted)).await?;
        let stored = self.save(caller, wanted, None).await?;
        Ok(TemplateView::of_stored(&targets, &stored))
    }

    /// Saves an earlier version of a template as the newest.
    ///
    /// # Errors
    /// When the caller may not, there is no such version, or it no longer renders.
    pub async fn restore_template(
        &self,
        caller: &Principal,
        channel: Channel,
        name: String,
        what: TemplateFor,
        input: RestoreInput,
    ) -> Result<TemplateView, HubError> {
        require(caller, Right::Configure)?;
        let targets = self.template_targets().await?;
        let key = TemplateKey { channel, name, reach: targets.reach(channel, "", &what)? };
        let versions = templates::versions(&mut self.store.read().await?, &key).await?;
        let wanted = versions.into_iter().find(|known| known.version == input.version);
        let text = wanted.and_then(|known| known.text).ok_or(HubError::NotFound("version with a text"))?;
        let wanted = Candidate { pointer: "/version".to_owned(), key, text };
        self.try_templates(&targets, std::slice::from_ref(&wanted)).await?;
        let stored = self.save(caller, wanted, Some(input.version)).await?;
        Ok(TemplateView::of_stored(&targets, &stored))
    }

    async fn save(
        &self,
        caller: &Principal,
        wanted: Candidate,
        restored: Option<u32>,
    ) -> Result<StoredTemplate, HubError> {
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store.write(move |tx| Box::pin(async move { save(tx, wanted, restored, now, &actor).await })).await
    }

    /// Deletes a template: the one that it overrides takes effect again. Its versions are kept.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn delete_template(
        &self,
        caller: &Principal,
        channel: Channel,
        name: String,
        what: TemplateFor,
    ) -> Result<(), HubError> {
        require(caller, Right::Configure)?;
        let reach = self.template_targets().await?.reach(channel, "", &what)?;
        let key = TemplateKey { channel, name, reach };
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    templates::get(tx.session(), &key).await?.ok_or(HubError::NotFound("template in the database"))?;
                    let deletion = templates::put(tx.session(), key, None, actor_name(&actor), now).await?;
                    template_problems::clear_of(tx.session(), channel.as_str(), &deletion.key.name).await?;
                    let details = details(&deletion, None);
                    tx.record(&Entry { details, ..Entry::new(now, "template.deleted", actor) })?;
                    Ok(())
                })
            })
            .await
    }
}

/// Saves a template that was tested. An unchanged template keeps its version.
pub(super) async fn save(
    tx: &mut Tx,
    wanted: Candidate,
    restored: Option<u32>,
    now: Timestamp,
    actor: &Actor,
) -> Result<StoredTemplate, HubError> {
    let known = templates::get(tx.session(), &wanted.key).await?;
    if let Some(known) = known.as_ref().filter(|known| known.text.as_ref() == Some(&wanted.text)) {
        return Ok(known.clone());
    }
    if known.is_none() && templates::count(tx.session()).await? >= MAX_TEMPLATES {
        let detail = format!("there are already {MAX_TEMPLATES} templates, which is the limit: delete some");
        return Err(HubError::invalid(Code::TooMany, wanted.pointer, detail));
    }
    let channel = wanted.key.channel;
    let stored = templates::put(tx.session(), wanted.key, Some(wanted.text), actor_name(actor), now).await?;
    template_problems::clear_of(tx.session(), channel.as_str(), &stored.key.name).await?;
    let details = details(&stored, restored);
    tx.record(&Entry { details, ..Entry::new(now, "template.put", actor.clone()) })?;
    Ok(stored)
}

fn details(template: &StoredTemplate, restored: Option<u32>) -> serde_json::Value {
    let StoredTemplate { key, version, text, .. } = template;
    json!({
        "channel": key.channel, "event": key.name, "for": key.reach.to_string(), "version": version,
        "bytes": text.as_ref().map(|text| text.len()), "restored": restored,
    })
}

fn actor_name(actor: &Actor) -> &str {
    match actor {
        Actor::Token { name, .. } => name,
        Actor::Link { endpoint } | Actor::Chat { endpoint, .. } => endpoint,
        Actor::Session { person, .. } => person.as_str(),
        Actor::Hub => "hub",
    }
}
