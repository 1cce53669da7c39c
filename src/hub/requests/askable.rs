//! What a caller may ask for.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::approval::{GroupName, Policy, ResourceName};
use crate::hub::{Hub, HubError, Page, require};
use crate::identity::{Principal, Right};
use crate::store::resources::{self, Resource};

/// A resource, as those who ask about it need to know it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Askable {
    pub name: ResourceName,
    pub description: Option<String>,
    pub reason_required: bool,
    /// Time to decide, if the request names none.
    pub timeout_seconds: u32,
    /// Longest access window.
    pub max_duration_seconds: u32,
    /// JSON Schema for the context of requests.
    pub context_schema: Option<Value>,
}

impl Hub {
    /// Lists the resources that the caller's own person may ask about, by name. A page may be short.
    ///
    /// # Errors
    /// When the caller may not ask.
    pub async fn askable(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<Askable>, HubError> {
        require(caller, Right::Ask)?;
        let groups = self.fresh_groups(caller).await?;
        let found = resources::page(&mut self.store.read().await?, after, limit + 1).await?;
        let page = Page::cut(found, limit, |resource| resource.name.to_string());
        let Page { items, next_cursor } = page;
        let open = items.iter().filter(|resource| is_open(caller, resource, &groups));
        Ok(Page { items: open.map(|resource| self.as_askable(resource)).collect(), next_cursor })
    }

    /// One resource, if the caller's own person may ask about it.
    ///
    /// # Errors
    /// When the caller may not ask.
    pub async fn askable_named(&self, caller: &Principal, name: &ResourceName) -> Result<Option<Askable>, HubError> {
        require(caller, Right::Ask)?;
        let groups = self.fresh_groups(caller).await?;
        let found = self.store.lookup().resource(name).await?;
        let open = found.filter(|resource| is_open(caller, resource, &groups));
        Ok(open.map(|resource| self.as_askable(&resource)))
    }

    /// The groups that the caller's person is in by a membership that is not old.
    async fn fresh_groups(&self, caller: &Principal) -> Result<BTreeSet<GroupName>, HubError> {
        let Some(person) = caller.person() else { return Ok(BTreeSet::new()) };
        let now = self.clock.now();
        let known = self.store.lookup().groups_of(person, now).await?;
        let fresh = known.iter().filter(|(_, membership)| membership.is_fresh(now));
        Ok(fresh.map(|(group, _)| group.clone()).collect())
    }

    fn as_askable(&self, resource: &Resource) -> Askable {
        let Policy { reason_required, timeout_seconds, procedure, .. } = &resource.policy;
        Askable {
            name: resource.name.clone(),
            description: resource.description.clone(),
            reason_required: *reason_required,
            timeout_seconds: timeout_seconds.unwrap_or(self.settings.default_timeout_seconds),
            max_duration_seconds: procedure.max_duration(),
            context_schema: resource.context_schema.clone(),
        }
    }
}

/// Whether the caller may see that there is such a resource.
fn is_open(caller: &Principal, resource: &Resource, groups: &BTreeSet<GroupName>) -> bool {
    let wanted = &resource.policy.requester_groups;
    caller.covers(&resource.name) && (wanted.is_empty() || wanted.iter().any(|group| groups.contains(group)))
}
