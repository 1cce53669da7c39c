//! Declarative configuration: applies a manifest in one transaction, all of it or nothing, and returns the plan.
//! Objects that the manifest does not name stay unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::groups_and_people::{PersonChange, permitted, store_group};
use super::policy_warnings::policy_warnings;
use super::unnamed::unnamed_and_duplicates;
use crate::approval::{Email, GroupName, ResourceName};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::delivery::TargetPolicy;
use crate::hub::apply_plan::{ApplyPlan, ConfigChange, Verb};
use crate::hub::templates::TemplateManifest;
use crate::hub::{
    EndpointInput, GroupInput, Hub, HubError, PersonInput, ResourceInput, endpoints as services, input, require,
    templates,
};
use crate::identity::{Principal, Right};
use crate::store::endpoints::Endpoint;
use crate::store::groups::Group;
use crate::store::resources::Resource;
use crate::store::{Session, StoreError, Tx, applied, endpoints, people, resources};
use crate::time::Timestamp;

/// Most objects of one kind in a manifest.
const MAX_ITEMS: usize = 2_000;

/// The desired configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(default)]
    pub groups: BTreeMap<GroupName, GroupInput>,
    #[serde(default, deserialize_with = "people_by_address")]
    pub people: BTreeMap<Email, PersonInput>,
    #[serde(default)]
    pub resources: BTreeMap<ResourceName, ResourceInput>,
    /// Identified by name.
    #[serde(default)]
    pub endpoints: Vec<EndpointInput>,
    /// Identified by channel, event, and endpoint or resource.
    #[serde(default)]
    pub templates: Vec<TemplateManifest>,
}

/// Rejects duplicate people: `Dana@Example.com` and `dana@example.com` are two keys, but one person.
fn people_by_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Email, PersonInput>, D::Error> {
    struct ByAddress;

    impl<'de> Visitor<'de> for ByAddress {
        type Value = BTreeMap<Email, PersonInput>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut people = BTreeMap::new();
            while let Some((email, person)) = entries.next_entry::<Email, PersonInput>()? {
                let twice = format!("{email} is listed twice: addresses are not case-sensitive");
                if people.insert(email, person).is_some() {
                    return Err(A::Error::custom(twice));
                }
            }
            Ok(people)
        }
    }

    deserializer.deserialize_map(ByAddress)
}

/// A valid manifest.
#[derive(Debug, Clone)]
struct Target {
    groups: Vec<Group>,
    people: Vec<PersonChange>,
    resources: Vec<Resource>,
    endpoints: Vec<EndpointInput>,
    templates: Vec<templates::Checked>,
    /// Whether the hub has an identity provider.
    has_provider: bool,
    /// Who applies it.
    by: String,
}

impl Hub {
    /// Applies a manifest; with `dry_run`, only returns what would change.
    ///
    /// # Errors
    /// When the caller may not, or the manifest is invalid; then nothing changes.
    pub async fn apply(&self, caller: &Principal, manifest: Manifest, dry_run: bool) -> Result<ApplyPlan, HubError> {
        require(caller, Right::Configure)?;
        input::count("/templates", manifest.templates.len(), MAX_ITEMS)?;
        let templates = self.check_templates(&manifest.templates, &manifest.endpoints).await?;
        let has_provider = self.provider_name().is_some();
        // The rules are checked against all of their examples, which may take a while.
        let by = caller.name().to_owned();
        let checking = tokio::task::spawn_blocking(move || Target::check(manifest, templates, has_provider, by));
        let target = checking.await.map_err(|_| StoreError::Panicked)??;
        let (now, targets, actor) = (self.clock.now(), Arc::clone(&self.targets), caller.actor());
        let applied = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let plan = target.carry_out(tx, &targets, now, &actor).await?;
                    // A dry run is a real run that is rolled back, so the two cannot differ.
                    if dry_run { Err(RolledBack::DryRun(plan)) } else { Ok(plan) }
                })
            })
            .await;
        match applied {
            Ok(plan) => Ok(ApplyPlan { applied: true, ..plan }),
            Err(RolledBack::DryRun(plan)) => Ok(without_secrets(plan)),
            Err(RolledBack::Failed(error)) => Err(error),
        }
    }
}

/// Why the transaction was rolled back.
enum RolledBack {
    DryRun(ApplyPlan),
    Failed(HubError),
}

impl<E: Into<HubError>> From<E> for RolledBack {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Removes the secrets, which are not valid after a rollback and must not be in the audit trail.
fn without_secrets(mut plan: ApplyPlan) -> ApplyPlan {
    plan.changes.iter_mut().for_each(|change| change.secret = None);
    plan
}

impl Target {
    fn check(
        manifest: Manifest,
        templates: Vec<templates::Checked>,
        has_provider: bool,
        by: String,
    ) -> Result<Self, HubError> {
        input::count("/groups", manifest.groups.len(), MAX_ITEMS)?;
        input::count("/people", manifest.people.len(), MAX_ITEMS)?;
        input::count("/resources", manifest.resources.len(), MAX_ITEMS)?;
        input::count("/endpoints", manifest.endpoints.len(), MAX_ITEMS)?;
        check_endpoint_names(&manifest.endpoints)?;
        let at = |kind: &'static str, name: &dyn ToString, error| within(kind, &name.to_string(), error);
        Ok(Self {
            groups: manifest
                .groups
                .into_iter()
                .map(|(name, input)| input.check(name.clone()).map_err(|error| at("groups", &name, error)))
                .collect::<Result<_, _>>()?,
            people: manifest
                .people
                .into_iter()
                .map(|(email, input)| input.check(email.clone()).map_err(|error| at("people", &email, error)))
                .collect::<Result<_, _>>()?,
            resources: manifest
                .resources
                .into_iter()
                .map(|(name, input)| input.check(name.clone()).map_err(|error| at("resources", &name, error)))
                .collect::<Result<_, _>>()?,
            endpoints: manifest.endpoints,
            templates,
            has_provider,
            by,
        })
    }

    async fn carry_out(
        self,
        tx: &mut Tx,
        targets: &TargetPolicy,
        now: Timestamp,
        actor: &Actor,
    ) -> Result<ApplyPlan, HubError> {
        let mut changes = Vec::new();
        for group in self.groups {
            let (group, known) = permitted(tx.session(), group).await?;
            let verb = verb(known.as_ref(), &group);
            if verb != Verb::Keep {
                store_group(tx, &group, now).await?;
            }
            changes.push(ConfigChange { verb, kind: "group", name: group.name.to_string(), secret: None });
        }
        for person in self.people {
            let (person, known) = person.onto_known(tx.session()).await?;
            let verb = verb(known.as_ref(), &person);
            if verb != Verb::Keep {
                people::put(tx.session(), &person, now).await?;
            }
            changes.push(ConfigChange { verb, kind: "person", name: person.email.to_string(), secret: None });
        }
        for resource in &self.resources {
            let verb = verb(resources::get(tx.session(), &resource.name).await?.as_ref(), resource);
            if verb != Verb::Keep {
                resources::put(tx.session(), resource, now).await?;
            }
            changes.push(ConfigChange { verb, kind: "resource", name: resource.name.to_string(), secret: None });
        }
        for input in self.endpoints {
            changes.push(put_endpoint(tx, input, targets, now, actor).await?);
        }
        for named in &changes {
            applied::put(tx.session(), named.kind, &named.name, now, &self.by);
        }
        for template in self.templates {
            changes.push(templates::put_checked(tx, template, now, actor).await?);
        }
        let mut found = Vec::new();
        for resource in &self.resources {
            found.extend(policy_warnings(tx.session(), resource, self.has_provider, now).await?);
        }
        found.dedup();
        if changes.iter().any(|change| change.verb != Verb::Keep) {
            let secretless = without_secrets(ApplyPlan {
                applied: true,
                changes: changes.clone(),
                warnings: Vec::new(),
                unnamed: Vec::new(),
            });
            let details = json!({"changes": secretless.changes});
            tx.record(&Entry { details, ..Entry::new(now, "configuration.applied", actor.clone()) })?;
        }
        let (duplicate_targets, unnamed) = unnamed_and_duplicates(tx.session(), &changes).await?;
        found.extend(duplicate_targets);
        Ok(ApplyPlan { applied: false, changes, warnings: found, unnamed })
    }
}

/// Rejects two endpoints with one name: the second would silently replace the first.
fn check_endpoint_names(endpoints: &[EndpointInput]) -> Result<(), HubError> {
    let mut names = BTreeSet::new();
    match endpoints.iter().position(|endpoint| !names.insert(&endpoint.name)) {
        None => Ok(()),
        Some(place) => {
            let detail = "this endpoint is in the manifest twice: give each its own name";
            Err(HubError::invalid(Code::NameTaken, format!("/endpoints/{place}/name"), detail))
        }
    }
}

async fn put_endpoint(
    tx: &mut Tx,
    input: EndpointInput,
    targets: &TargetPolicy,
    now: Timestamp,
    actor: &Actor,
) -> Result<ConfigChange, HubError> {
    let name = input.name.to_string();
    let known = known_endpoint(tx.session(), &input).await?;
    let endpoint = input.check(known.as_ref(), targets, now).map_err(|error| within("endpoints", &name, error))?;
    let verb = match &known {
        None => Verb::Create,
        Some(known) if same_endpoint(known, &endpoint) => Verb::Keep,
        Some(_) => Verb::Update,
    };
    if let Some(known) = &known {
        services::clear_health_if_enabled(tx.session(), known.state, &endpoint).await?;
    }
    if verb != Verb::Keep {
        services::check_app_count(tx.session(), &endpoint).await.map_err(|error| within("endpoints", &name, error))?;
    }
    let endpoint = match verb {
        Verb::Create => services::save(tx, endpoint, "endpoint.created", now, actor.clone()).await?,
        Verb::Update => services::save(tx, endpoint, "endpoint.updated", now, actor.clone()).await?,
        Verb::Keep => endpoint,
    };
    // A new secret is shown once: there is no other way to read it.
    let is_new = known.is_none_or(|known| known.secret.is_none());
    let secret = endpoint.secret.as_ref().filter(|_| is_new);
    let secret = secret.map(|secret| secret.expose_secret().to_owned());
    Ok(ConfigChange { verb, kind: "endpoint", name, secret })
}

async fn known_endpoint(session: &mut Session, input: &EndpointInput) -> Result<Option<Endpoint>, HubError> {
    Ok(endpoints::by_name(session, &input.name).await?)
}

fn verb<T: PartialEq>(known: Option<&T>, wanted: &T) -> Verb {
    match known {
        None => Verb::Create,
        Some(known) if known == wanted => Verb::Keep,
        Some(_) => Verb::Update,
    }
}

/// Whether two endpoints have the same configuration. Secrets do not implement equality, so that nobody compares them
/// by accident.
fn same_endpoint(one: &Endpoint, other: &Endpoint) -> bool {
    let secret = |endpoint: &Endpoint| endpoint.secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    one.channel == other.channel
        && one.url.expose_secret() == other.url.expose_secret()
        && secret(one) == secret(other)
        && one.events == other.events
        && one.resources == other.resources
        && one.groups == other.groups
        && one.recipient == other.recipient
        && one.detail == other.detail
        && one.transport == other.transport
        && one.format == other.format
        && one.heartbeat_seconds == other.heartbeat_seconds
        && one.state == other.state
}

/// Prefixes the error's pointer with the object's place in the manifest.
fn within(kind: &str, name: &str, error: HubError) -> HubError {
    match error {
        HubError::Invalid { code, pointer, detail } => {
            HubError::Invalid { code, pointer: format!("/{kind}/{name}{pointer}"), detail }
        }
        other => other,
    }
}
