//! Resources with their policies: checks, writes, reads and deletes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compiled_schemas;
use super::policy_warnings::{Surroundings, policy_warnings, warnings_of};
use crate::approval::{
    Assurance, BreakGlass, Detail, Email, Escalation, GroupName, Guardrail, Guardrails, Policy, Procedure,
    ResourceName, Slot, WorkingHours, limits, validate_slots, with_added,
};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::{Hub, HubError, Page, input, require};
use crate::identity::{Principal, Right};
use crate::store::resources::{self, Resource};
use crate::store::{StoreError, applied, in_use};

/// Largest context schema, in bytes of compact JSON.
const MAX_SCHEMA: usize = 64 * 1024;

/// The body that sets a resource: its description, policy and context schema.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceInput {
    #[serde(default)]
    pub description: Option<String>,
    pub slots: Vec<Slot>,
    /// Time to decide.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// Whether requests must give a reason.
    #[serde(default)]
    pub reason_required: bool,
    /// Whether rejections must give a reason.
    #[serde(default)]
    pub reject_reason_required: bool,
    /// Number of distinct people who must reject to end a request; 1 by default.
    #[serde(default)]
    pub reject_needed: Option<u32>,
    /// Members need no approval.
    #[serde(default)]
    pub exempt_groups: BTreeSet<GroupName>,
    /// The groups that may ask; empty for everybody.
    #[serde(default)]
    pub requester_groups: BTreeSet<GroupName>,
    /// People who may never decide requests to it.
    #[serde(default)]
    pub conflicted: BTreeSet<Email>,
    /// Whether the requester's own approval counts.
    #[serde(default)]
    pub allow_self_approval: bool,
    /// Weakest accepted assurance of the voter's identity.
    #[serde(default)]
    pub min_assurance: Option<Assurance>,
    /// How long ago, at most, a voter must have signed in.
    #[serde(default)]
    pub fresh_sign_in_seconds: Option<u32>,
    /// Time to claim an approved action.
    #[serde(default)]
    pub use_within_seconds: Option<u32>,
    /// Longest access window.
    #[serde(default)]
    pub max_duration_seconds: Option<u32>,
    /// Excludes its requests from bulk approval.
    #[serde(default)]
    pub high_risk: bool,
    /// How much of a request is sent to channels.
    #[serde(default)]
    pub detail: Detail,
    /// Who may break the glass.
    #[serde(default)]
    pub break_glass: Option<BreakGlass>,
    /// Times of reminders, in seconds after creation.
    #[serde(default)]
    pub reminders: Vec<u32>,
    /// Further groups that are asked after a time without a decision.
    #[serde(default)]
    pub escalation: Vec<Escalation>,
    #[serde(default)]
    pub working_hours: Option<WorkingHours>,
    #[serde(default)]
    pub guardrails: Vec<Guardrail>,
    /// JSON Schema for the context of requests.
    #[serde(default)]
    pub context_schema: Option<Value>,
}

/// The public form of a resource.
#[derive(Debug, Clone, Serialize)]
pub struct ResourceView {
    pub name: ResourceName,
    pub description: Option<String>,
    #[serde(flatten)]
    pub policy: Policy,
    /// JSON Schema for the context of requests.
    pub context_schema: Option<Value>,
    /// Likely mistakes in the policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl ResourceInput {
    pub(super) fn check(self, name: ResourceName) -> Result<Resource, HubError> {
        input::optional("/description", self.description.as_ref(), limits::REASON)?;
        if let Some(schema) = &self.context_schema {
            input::text("/context_schema", &schema.to_string(), MAX_SCHEMA)?;
            compiled_schemas::compile(schema)?;
        }
        let Self { mut reminders, mut escalation, .. } = self;
        reminders.sort_unstable();
        escalation.sort_by_key(|step| step.after_seconds);
        let policy = Policy {
            slots: self.slots,
            timeout_seconds: self.timeout_seconds,
            reason_required: self.reason_required,
            exempt_groups: self.exempt_groups,
            requester_groups: self.requester_groups,
            conflicted: self.conflicted,
            procedure: Arc::new(Procedure {
                reject_needed: self.reject_needed.unwrap_or(1),
                reject_reason_required: self.reject_reason_required,
                allow_self_approval: self.allow_self_approval,
                min_assurance: self.min_assurance,
                fresh_sign_in_seconds: self.fresh_sign_in_seconds,
                use_within_seconds: self.use_within_seconds,
                max_duration_seconds: self.max_duration_seconds,
                high_risk: self.high_risk,
                detail: self.detail,
                break_glass: self.break_glass,
                reminders,
                escalation,
                working_hours: self.working_hours,
                guardrails: self.guardrails,
            }),
        };
        policy.validate().map_err(|error| HubError::invalid(Code::InvalidPolicy, "", error.to_string()))?;
        check_guardrails(&policy)?;
        Ok(Resource { name, description: self.description, policy, context_schema: self.context_schema })
    }
}

impl ResourceView {
    fn new(resource: Resource, warnings: Vec<String>) -> Self {
        let Resource { name, description, policy, context_schema } = resource;
        Self { name, description, policy, context_schema, warnings }
    }
}

/// Compiles the rules, and checks each against its own examples.
fn check_guardrails(policy: &Policy) -> Result<(), HubError> {
    let rules = &policy.procedure.guardrails;
    for (place, rule) in rules.iter().enumerate() {
        input::optional(&format!("/guardrails/{place}/reason"), rule.reason.as_ref(), limits::REASON)?;
    }
    let compiled = Guardrails::compile(rules)
        .map_err(|error| HubError::invalid(Code::InvalidPolicy, "/guardrails", error.to_string()))?;
    compiled.examples().map_err(|failed| {
        let place = rules.iter().position(|rule| rule.name == failed.rule).unwrap_or(0);
        let pointer = format!("/guardrails/{place}/{}/{}", failed.list, failed.index);
        HubError::invalid(Code::GuardrailExample, pointer, failed.to_string())
    })?;
    // If every rule requires approval at once, the union of their slots and the policy's must still be valid.
    let all = rules.iter().fold(policy.slots.clone(), |slots, rule| with_added(&slots, &rule.slots));
    validate_slots(&all).map_err(|error| {
        HubError::invalid(Code::InvalidPolicy, "/guardrails", format!("with the slots of all rules: {error}"))
    })
}

impl Hub {
    /// Creates or replaces a resource. Existing requests keep their terms.
    ///
    /// # Errors
    /// When the caller may not, or the input is invalid.
    pub async fn put_resource(
        &self,
        caller: &Principal,
        name: ResourceName,
        input: ResourceInput,
    ) -> Result<ResourceView, HubError> {
        require(caller, Right::Configure)?;
        // The rules are checked against all of their examples, which may take a while.
        let checking = tokio::task::spawn_blocking(move || input.check(name));
        let resource = checking.await.map_err(|_| StoreError::Panicked)??;
        let (now, actor, stored) = (self.clock.now(), caller.actor(), resource.clone());
        let has_provider = self.provider_name().is_some();
        let warnings = self
            .store
            .write::<_, _, HubError>(move |tx| {
                Box::pin(async move {
                    resources::put(tx.session(), &stored, now).await?;
                    let details = json!({"resource": stored.name, "policy": stored.policy});
                    tx.record(&Entry { details, ..Entry::new(now, "resource.put", actor) })?;
                    policy_warnings(tx.session(), &stored, has_provider, now).await
                })
            })
            .await?;
        Ok(ResourceView::new(resource, warnings))
    }

    /// Returns one resource.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn resource(&self, caller: &Principal, name: &ResourceName) -> Result<ResourceView, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let mut session = self.store.read().await?;
        let resource = resources::get(&mut session, name).await?.ok_or(HubError::NotFound("resource"))?;
        let warnings =
            policy_warnings(&mut session, &resource, self.provider_name().is_some(), self.clock.now()).await?;
        Ok(ResourceView::new(resource, warnings))
    }

    /// Lists resources by name.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn resources(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<ResourceView>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let found = resources::page(&mut self.store.read().await?, after, limit + 1).await?;
        let page = Page::cut(found, limit, |resource| resource.name.to_string());
        Ok(page.map(|resource| ResourceView::new(resource, Vec::new())))
    }

    /// Lists resources by name, with the likely mistakes in their policies.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn resources_with_warnings(
        &self,
        caller: &Principal,
        limit: u32,
        after: &str,
    ) -> Result<Page<ResourceView>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let session = &mut self.store.read().await?;
        let found = resources::page(session, after, limit + 1).await?;
        let page = Page::cut(found, limit, |resource| resource.name.to_string());
        let (has_provider, now) = (self.provider_name().is_some(), self.clock.now());
        let around = Surroundings::of(session, &page.items.iter().collect::<Vec<_>>(), has_provider, now).await?;
        Ok(page.map(|resource| {
            // A policy whose rules cannot be compiled was stored by another version.
            let warnings = warnings_of(&resource, &around).unwrap_or_else(|error| vec![error.to_string()]);
            ResourceView::new(resource, warnings)
        }))
    }

    /// Deletes a resource without pending requests and unused approvals. Otherwise these approvals would apply to a
    /// later resource of that name.
    ///
    /// # Errors
    /// When the caller may not, there is none, or it is in use.
    pub async fn delete_resource(&self, caller: &Principal, name: ResourceName) -> Result<(), HubError> {
        require(caller, Right::Configure)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let dependent = in_use::of_resource(tx.session(), &name).await?;
                    if !dependent.is_empty() {
                        let detail = format!(
                            "requests to {name} are pending or usable, for example {}: decide, cancel or revoke them first",
                            dependent.join(", ")
                        );
                        return Err(HubError::Conflict { code: Code::InUse, detail });
                    }
                    if !resources::delete(tx.session(), &name).await? {
                        return Err(HubError::NotFound("resource"));
                    }
                    applied::forget(tx.session(), "resource", name.as_str()).await?;
                    let details = json!({"resource": name});
                    tx.record(&Entry { details, ..Entry::new(now, "resource.deleted", actor) })?;
                    Ok(())
                })
            })
            .await
    }
}
