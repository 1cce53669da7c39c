//! Groups, people and resources.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Hub, HubError, Page, check, context, require};
use crate::approval::{Email, GroupName, Policy, ResourceName, Slot, limits, satisfiable};
use crate::audit::Entry;
use crate::identity::{Principal, Scope};
use crate::store::groups::Group;
use crate::store::people::Person;
use crate::store::resources::Resource;
use crate::store::{Session, StoreError, groups, people, resources};

/// Most members of one group.
const MAX_MEMBERS: usize = 2_000;
/// Largest context schema, in bytes of compact JSON.
const MAX_SCHEMA: usize = 64 * 1024;

/// A group as given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupInput {
    /// Who is in it.
    pub members: BTreeSet<Email>,
}

/// A person as given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonInput {
    /// What to call them.
    pub name: String,
}

/// A resource as given: its policy and what is known of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceInput {
    /// What it is, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Who must approve.
    pub slots: Vec<Slot>,
    /// Time to decide.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// Whether the requester must say why.
    #[serde(default)]
    pub reason_required: bool,
    /// Whether a reject must say why.
    #[serde(default)]
    pub reject_reason_required: bool,
    /// JSON Schema that a request's context must meet.
    #[serde(default)]
    pub context_schema: Option<Value>,
}

/// A resource, shown.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceView {
    /// Its name.
    pub name: ResourceName,
    /// What it is, for people.
    pub description: Option<String>,
    /// What it asks for.
    #[serde(flatten)]
    pub policy: Policy,
    /// JSON Schema that a request's context must meet.
    pub context_schema: Option<Value>,
    /// What is likely not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl GroupInput {
    pub(super) fn check(self, name: GroupName) -> Result<Group, HubError> {
        check::count("/members", self.members.len(), MAX_MEMBERS)?;
        Ok(Group { name, members: self.members })
    }
}

impl PersonInput {
    pub(super) fn check(self, email: Email) -> Result<Person, HubError> {
        check::text("/name", &self.name, limits::SHORT)?;
        Ok(Person { email, name: self.name })
    }
}

impl ResourceInput {
    pub(super) fn check(self, name: ResourceName) -> Result<Resource, HubError> {
        check::optional("/description", self.description.as_ref(), limits::REASON)?;
        if let Some(schema) = &self.context_schema {
            check::text("/context_schema", &schema.to_string(), MAX_SCHEMA)?;
            context::compile(schema)?;
        }
        let policy = Policy {
            slots: self.slots,
            timeout_seconds: self.timeout_seconds,
            reason_required: self.reason_required,
            reject_reason_required: self.reject_reason_required,
        };
        policy.validate().map_err(|error| HubError::invalid("invalid_policy", "/slots", error.to_string()))?;
        Ok(Resource { name, description: self.description, policy, context_schema: self.context_schema })
    }
}

impl ResourceView {
    fn new(resource: Resource, warnings: Vec<String>) -> Self {
        let Resource { name, description, policy, context_schema } = resource;
        Self { name, description, policy, context_schema, warnings }
    }
}

/// What is likely not meant by a resource: nobody can approve.
pub(super) async fn warnings(session: &mut Session, resource: &Resource) -> Result<Vec<String>, StoreError> {
    let slots = &resource.policy.slots;
    let roster = groups::roster(session, slots.iter().map(|slot| &slot.group)).await?;
    let mut warnings: Vec<String> = slots
        .iter()
        .filter(|slot| roster.members(&slot.group).next().is_none())
        .map(|slot| format!("group {} has no members yet", slot.group))
        .collect();
    if !satisfiable(slots, &roster, |_| false) {
        warnings.push(format!("nobody can fill every slot of {}: requests to it will be refused", resource.name));
    }
    Ok(warnings)
}

impl Hub {
    /// Creates or replaces a group.
    ///
    /// # Errors
    /// When the caller may not, or the input cannot be meant.
    pub async fn put_group(&self, caller: &Principal, name: GroupName, input: GroupInput) -> Result<Group, HubError> {
        require(caller, &[Scope::Admin])?;
        let group = input.check(name)?;
        let (now, actor, stored) = (self.clock.now(), caller.actor(), group.clone());
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    groups::put(tx.session(), &stored, now).await?;
                    let details = json!({"group": stored.name, "members": stored.members});
                    tx.record(&Entry { details, ..Entry::new(now, "group.put", actor) })?;
                    Ok(())
                })
            })
            .await?;
        Ok(group)
    }

    /// One group.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn group(&self, caller: &Principal, name: &GroupName) -> Result<Group, HubError> {
        require(caller, &[Scope::Auditor])?;
        groups::get(&mut self.store.read().await?, name).await?.ok_or(HubError::NotFound("group"))
    }

    /// Groups in the order of names.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn groups(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<Group>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let found = groups::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |group| group.name.to_string()))
    }

    /// Takes a group away that no resource asks.
    ///
    /// # Errors
    /// When the caller may not, there is none, or a resource asks it.
    pub async fn delete_group(&self, caller: &Principal, name: GroupName) -> Result<(), HubError> {
        require(caller, &[Scope::Admin])?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(resource) = resources::asking(tx.session(), &name).await? {
                        let detail = format!("resource {resource} asks group {name}: change its slots first");
                        return Err(HubError::Conflict { code: "in_use", detail });
                    }
                    if !groups::delete(tx.session(), &name).await? {
                        return Err(HubError::NotFound("group"));
                    }
                    let details = json!({"group": name});
                    tx.record(&Entry { details, ..Entry::new(now, "group.deleted", actor) })?;
                    Ok(())
                })
            })
            .await
    }

    /// Adds or renames a person.
    ///
    /// # Errors
    /// When the caller may not, or the input cannot be meant.
    pub async fn put_person(&self, caller: &Principal, email: Email, input: PersonInput) -> Result<Person, HubError> {
        require(caller, &[Scope::Admin])?;
        let person = input.check(email)?;
        let (now, actor, stored) = (self.clock.now(), caller.actor(), person.clone());
        self.store
            .write::<_, (), HubError>(move |tx| {
                Box::pin(async move {
                    people::put(tx.session(), &stored, now).await?;
                    let details = json!({"name": stored.name});
                    tx.record(&Entry { person: Some(stored.email), details, ..Entry::new(now, "person.put", actor) })?;
                    Ok(())
                })
            })
            .await?;
        Ok(person)
    }

    /// One person.
    ///
    /// # Errors
    /// When the caller may not see them or there is no such person.
    pub async fn person(&self, caller: &Principal, email: &Email) -> Result<Person, HubError> {
        require(caller, &[Scope::Auditor])?;
        people::get(&mut self.store.read().await?, email).await?.ok_or(HubError::NotFound("person"))
    }

    /// People in the order of addresses.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn people(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<Person>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let found = people::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |person| person.email.to_string()))
    }

    /// Forgets what a person is called; their memberships stay.
    ///
    /// # Errors
    /// When the caller may not, or there is no such person.
    pub async fn delete_person(&self, caller: &Principal, email: Email) -> Result<(), HubError> {
        require(caller, &[Scope::Admin])?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !people::delete(tx.session(), &email).await? {
                        return Err(HubError::NotFound("person"));
                    }
                    tx.record(&Entry { person: Some(email), ..Entry::new(now, "person.deleted", actor) })?;
                    Ok(())
                })
            })
            .await
    }

    /// Creates or replaces a resource. Requests under way keep the terms they were made under.
    ///
    /// # Errors
    /// When the caller may not, or the input cannot be meant.
    pub async fn put_resource(
        &self,
        caller: &Principal,
        name: ResourceName,
        input: ResourceInput,
    ) -> Result<ResourceView, HubError> {
        require(caller, &[Scope::Admin])?;
        let resource = input.check(name)?;
        let (now, actor, stored) = (self.clock.now(), caller.actor(), resource.clone());
        let warnings = self
            .store
            .write::<_, _, HubError>(move |tx| {
                Box::pin(async move {
                    resources::put(tx.session(), &stored, now).await?;
                    let details = json!({"resource": stored.name, "policy": stored.policy});
                    tx.record(&Entry { details, ..Entry::new(now, "resource.put", actor) })?;
                    Ok(warnings(tx.session(), &stored).await?)
                })
            })
            .await?;
        Ok(ResourceView::new(resource, warnings))
    }

    /// One resource.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn resource(&self, caller: &Principal, name: &ResourceName) -> Result<ResourceView, HubError> {
        require(caller, &[Scope::Auditor])?;
        let mut session = self.store.read().await?;
        let resource = resources::get(&mut session, name).await?.ok_or(HubError::NotFound("resource"))?;
        let warnings = warnings(&mut session, &resource).await?;
        Ok(ResourceView::new(resource, warnings))
    }

    /// Resources in the order of names.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn resources(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<ResourceView>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let found = resources::page(&mut self.store.read().await?, after, limit + 1).await?;
        let page = Page::cut(found, limit, |resource| resource.name.to_string());
        Ok(page.map(|resource| ResourceView::new(resource, Vec::new())))
    }

    /// Takes a resource away.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn delete_resource(&self, caller: &Principal, name: ResourceName) -> Result<(), HubError> {
        require(caller, &[Scope::Admin])?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !resources::delete(tx.session(), &name).await? {
                        return Err(HubError::NotFound("resource"));
                    }
                    let details = json!({"resource": name});
                    tx.record(&Entry { details, ..Entry::new(now, "resource.deleted", actor) })?;
                    Ok(())
                })
            })
            .await
    }
}
