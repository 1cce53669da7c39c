//! Warnings about likely mistakes in a resource's policy.

use std::collections::BTreeSet;

use crate::approval::{Assurance, Email, GroupName, Guardrails, Roster, Terms, indispensable, satisfiable};
use crate::codes::Code;
use crate::hub::HubError;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::people::Person;
use crate::store::resources::Resource;
use crate::store::{Session, endpoints, groups, people};
use crate::time::Timestamp;

/// What warnings depend on besides the policies themselves.
pub(super) struct Surroundings {
    roster: Roster,
    endpoints: Vec<Endpoint>,
    /// Members of deciding groups who are away without a stand-in.
    away: BTreeSet<Email>,
    has_provider: bool,
}

impl Surroundings {
    /// Reads what the policies of these resources depend on, with few statements for any number of them.
    pub(super) async fn of(
        session: &mut Session,
        resources: &[&Resource],
        has_provider: bool,
        now: Timestamp,
    ) -> Result<Self, HubError> {
        let named: BTreeSet<&GroupName> = resources.iter().flat_map(|resource| resource.policy.groups()).collect();
        let roster = groups::roster(session, named).await?;
        let deciding = resources.iter().flat_map(|resource| resource.policy.deciding_groups());
        let members: BTreeSet<&Email> = deciding.flat_map(|group| roster.members(group)).collect();
        let known = people::known(session, &members).await?;
        let is_away = |person: &Person| {
            person.absence.as_ref().is_some_and(|absence| absence.covers(now) && absence.delegate.is_none())
        };
        let away = known.into_iter().filter(is_away).map(|person| person.email).collect();
        Ok(Self { roster, endpoints: endpoints::all(session).await?, away, has_provider })
    }
}

/// Returns the warnings, as sentences for the author of the policy.
pub(super) async fn policy_warnings(
    session: &mut Session,
    resource: &Resource,
    has_provider: bool,
    now: Timestamp,
) -> Result<Vec<String>, HubError> {
    warnings_of(resource, &Surroundings::of(session, &[resource], has_provider, now).await?)
}

/// The same, with what was read before.
pub(super) fn warnings_of(resource: &Resource, around: &Surroundings) -> Result<Vec<String>, HubError> {
    let Surroundings { roster, has_provider, .. } = around;
    let policy = &resource.policy;
    let mut warnings: Vec<String> = policy
        .groups()
        .into_iter()
        .filter(|group| roster.members(group).next().is_none())
        .map(|group| format!("group {group} has no members yet"))
        .collect();
    if policy.procedure.min_assurance == Some(Assurance::Sso) && !*has_provider {
        let name = &resource.name;
        warnings
            .push(format!("{name} requires the assurance sso, and this hub has no identity provider: nobody can vote"));
    }
    warnings.extend(nobody_can_decide(resource, roster));
    warnings.extend(too_few_to_reject(resource, roster));
    warnings.extend(unreachable_groups(resource, &around.endpoints));
    warnings.extend(all_away(resource, around));
    let rules = Guardrails::compile(&policy.procedure.guardrails)
        .map_err(|error| HubError::invalid(Code::InvalidPolicy, "/guardrails", error.to_string()))?;
    let dead = rules.dead().into_iter();
    warnings.extend(
        dead.map(|dead| format!("{}: rule {} never decides anything: {}", resource.name, dead.rule, dead.because)),
    );
    Ok(warnings)
}

/// Warns if nobody can fill the slots, or if a slot depends on one person who may be the requester.
fn nobody_can_decide(resource: &Resource, roster: &Roster) -> Vec<String> {
    let (name, policy) = (&resource.name, &resource.policy);
    let terms = Terms { policy_slots: policy.slots.clone(), conflicted: policy.conflicted.clone(), ..Terms::default() };
    let slots = terms.slots_with(&[], roster);
    if !satisfiable(&slots, roster, |person| policy.conflicted.contains(person)) {
        return vec![format!(
            "there are not enough people to fill every slot of {name}: requests to it will be refused"
        )];
    }
    if policy.procedure.allow_self_approval {
        return Vec::new();
    }
    let asks = |person: &&Email| {
        policy.requester_groups.is_empty() || policy.requester_groups.iter().any(|group| roster.contains(group, person))
    };
    let alone = indispensable(&slots, roster, |person| policy.conflicted.contains(person)).into_iter().filter(asks);
    alone
        .map(|person| format!("requests of {person} to {name} will be refused: nobody else can approve them"))
        .take(5)
        .collect()
}

/// Warns if there are fewer people than `reject_needed`.
fn too_few_to_reject(resource: &Resource, roster: &Roster) -> Option<String> {
    let policy = &resource.policy;
    let groups = policy.slots.iter().map(|slot| &slot.group);
    let people: BTreeSet<&Email> = groups.flat_map(|group| roster.members(group)).collect();
    let able = people.into_iter().filter(|person| !policy.conflicted.contains(*person)).count();
    let needed = policy.procedure.reject_needed;
    (needed > 1 && able < needed as usize)
        .then(|| format!("{} needs {needed} rejections, but only {able} people can reject", resource.name))
}

/// Warns about deciding groups that no endpoint notifies.
fn unreachable_groups(resource: &Resource, endpoints: &[Endpoint]) -> Vec<String> {
    let serves = |group: &_| {
        endpoints.iter().any(|endpoint| {
            endpoint.state == EndpointState::Active
                && endpoint.groups.contains(group)
                && (endpoint.resources.is_empty() || endpoint.resources.contains(&resource.name))
                && (endpoint.events.is_empty() || endpoint.events.contains("request.created"))
        })
    };
    let silent = resource.policy.deciding_groups().into_iter().filter(|group| !serves(group));
    silent.map(|group| format!("no endpoint notifies group {group} of requests to {}", resource.name)).collect()
}

/// Warns about deciding groups whose members are all away without a stand-in.
fn all_away(resource: &Resource, around: &Surroundings) -> Vec<String> {
    let deserted = resource.policy.deciding_groups().into_iter().filter(|group| {
        let mut members = around.roster.members(group).peekable();
        members.peek().is_some() && members.all(|member| around.away.contains(member))
    });
    deserted.map(|group| format!("all members of group {group} are away without a stand-in")).collect()
}
