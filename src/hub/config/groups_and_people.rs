//! Groups and people.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::approval::{Absence, Email, GroupName, limits};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::{Hub, HubError, Page, input, require};
use crate::identity::{Principal, Right, Scope};
use crate::store::groups::Group;
use crate::store::people::Person;
use crate::store::scim::users;
use crate::store::{Session, Signal, StoreError, Tx, claims, groups, membership_checks, people};
use crate::time::Timestamp;

/// The scopes that may be roles of people.
const ROLES: [Scope; 3] = [Scope::Admin, Scope::Auditor, Scope::Analyst];
/// Most members of one group.
const MAX_MEMBERS: usize = 2_000;
/// Most members by claims that are shown.
pub(super) const MAX_CLAIM_MEMBERS: u32 = 2_000;
/// Most values of the groups claim that one group names.
const MAX_VALUES: usize = 200;

/// The body that sets a group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupInput {
    #[serde(default, deserialize_with = "input::given")]
    pub members: Option<BTreeSet<Email>>,
    /// Values of the identity provider's groups claim: who signs in with one of them is a member too.
    #[serde(default, deserialize_with = "input::given")]
    pub from_claim: Option<BTreeSet<String>>,
}

/// A group with its members by claims.
#[derive(Debug, Serialize)]
pub struct GroupView {
    #[serde(flatten)]
    pub group: Group,
    /// The first of them, by address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_claim: Vec<ClaimMember>,
}

/// Who is a member by a sign-in.
#[derive(Debug, Serialize)]
pub struct ClaimMember {
    pub person: Email,
    /// From then on they must sign in again before they vote.
    pub fresh_until: Timestamp,
}

/// The body that sets the listed members of a group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembersInput {
    pub members: BTreeSet<Email>,
}

/// The body that sets a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonInput {
    /// Display name.
    pub name: String,
    /// When they are away, and their stand-in.
    #[serde(default)]
    pub absence: Option<Absence>,
    /// What they may do besides asking and voting, once they have signed in; when absent, it stays as it is.
    #[serde(default)]
    pub roles: Option<BTreeSet<Scope>>,
}

/// A person as checked, before it is known what stays as it is.
#[derive(Debug, Clone)]
pub(super) struct PersonChange {
    person: Person,
    /// Whether the roles were given.
    sets_roles: bool,
}

impl GroupInput {
    pub(super) fn check(self, name: GroupName) -> Result<Group, HubError> {
        if self.members.is_none() && self.from_claim.is_none() {
            let detail = "missing field `members`: list members, or name values of the groups claim in from_claim";
            return Err(HubError::invalid(Code::InvalidJson, "/members", detail));
        }
        let (members, from_claim) = (self.members.unwrap_or_default(), self.from_claim.unwrap_or_default());
        input::count("/members", members.len(), MAX_MEMBERS)?;
        input::count("/from_claim", from_claim.len(), MAX_VALUES)?;
        for value in &from_claim {
            input::text("/from_claim", value, limits::SHORT)?;
            if value.trim().is_empty() {
                let detail = "a value may not be blank: name the value as the identity provider sends it";
                return Err(HubError::invalid(Code::InvalidText, "/from_claim", detail));
            }
        }
        Ok(Group { name, members, from_claim, managed_by: None })
    }
}

impl PersonInput {
    pub(super) fn check(self, email: Email) -> Result<PersonChange, HubError> {
        input::text("/name", &self.name, limits::SHORT)?;
        let absence = self.absence.filter(|absence| *absence != Absence::default());
        if let Some(Absence { from, until, delegate }) = &absence {
            if from.is_some_and(|from| until.is_some_and(|until| until <= from)) {
                return Err(HubError::invalid(Code::InvalidAbsence, "/absence/until", "until must be after from"));
            }
            if delegate.as_ref() == Some(&email) {
                let detail = "a person cannot be their own stand-in: name another person, or omit delegate";
                return Err(HubError::invalid(Code::InvalidAbsence, "/absence/delegate", detail));
            }
        }
        let sets_roles = self.roles.is_some();
        let roles = self.roles.unwrap_or_default();
        if let Some(other) = roles.iter().find(|role| !ROLES.contains(role)) {
            let detail = format!("{} is no role of a person: use admin, auditor or analyst", other.as_str());
            return Err(HubError::invalid(Code::InvalidValue, "/roles", detail));
        }
        Ok(PersonChange { person: Person { email, name: self.name, absence, roles }, sets_roles })
    }
}

impl PersonChange {
    /// The person as to be stored, and as stored.
    pub(super) async fn onto_known(self, session: &mut Session) -> Result<(Person, Option<Person>), HubError> {
        let known = people::get(session, &self.person.email).await?;
        let mut person = self.person;
        if let Some(known) = known.as_ref().filter(|_| !self.sets_roles) {
            person.roles.clone_from(&known.roles);
        }
        if known.as_ref() != Some(&person) {
            check_stand_in(session, &person).await?;
        }
        Ok((person, known))
    }
}

/// Stores a group, and has the requests that wait for it checked again.
pub(in crate::hub) async fn store_group(tx: &mut Tx, group: &Group, now: Timestamp) -> Result<(), StoreError> {
    groups::put(tx.session(), group, now).await?;
    membership_checks::ask(tx.session(), &group.name, now).await?;
    tx.signal(Signal::Deadline);
    Ok(())
}

/// The group as it may be stored, and as it is stored: whose members a directory decides, must be given the same members.
/// A person whom the directory has deactivated cannot be made a member.
pub(super) async fn permitted(session: &mut Session, group: Group) -> Result<(Group, Option<Group>), HubError> {
    let known = groups::get(session, &group.name).await?;
    let managed_by = known.as_ref().and_then(|known| known.managed_by);
    let group = Group { managed_by, ..group };
    if managed_by.is_some() && !group.from_claim.is_empty() {
        let detail = format!(
            "a directory manages the members of group {}, so no claim can: remove from_claim, or the group from the directory",
            group.name
        );
        return Err(HubError::conflict(Code::ManagedByScim, detail));
    }
    if managed_by.is_some() && known.as_ref() != Some(&group) {
        let detail = format!("a directory manages the members of group {}: change them there", group.name);
        return Err(HubError::conflict(Code::ManagedByScim, detail));
    }
    if known.as_ref().is_none_or(|known| known.from_claim != group.from_claim) {
        let people = claims::people(session, &group.from_claim).await?;
        if people > claims::MAX_PEOPLE {
            let detail = format!(
                "{people} people have these values: a group has at most {} members by claims",
                claims::MAX_PEOPLE
            );
            return Err(HubError::invalid(Code::TooMany, "/from_claim", detail));
        }
    }
    let is_new = |member: &&Email| known.as_ref().is_none_or(|known| !known.members.contains(*member));
    let new: Vec<Email> = group.members.iter().filter(is_new).cloned().collect();
    if let Some(person) = users::deactivated(session, &new).await? {
        let detail = format!("the directory has deactivated {person}, who cannot be a member of group {}", group.name);
        return Err(HubError::conflict(Code::PersonDeactivated, detail));
    }
    Ok((group, known))
}

/// Rejects a stand-in whom the directory has deactivated.
async fn check_stand_in(session: &mut Session, person: &Person) -> Result<(), HubError> {
    let Some(delegate) = person.absence.as_ref().and_then(|absence| absence.delegate.clone()) else { return Ok(()) };
    match users::deactivated(session, &[delegate]).await? {
        None => Ok(()),
        Some(delegate) => {
            let detail = format!("the directory has deactivated {delegate}, who cannot stand in for {}", person.email);
            Err(HubError::conflict(Code::PersonDeactivated, detail))
        }
    }
}

impl Hub {
    /// Creates or replaces a group.
    ///
    /// # Errors
    /// When the caller may not, or the input is invalid.
    pub async fn put_group(&self, caller: &Principal, name: GroupName, input: GroupInput) -> Result<Group, HubError> {
        require(caller, Right::Configure)?;
        let group = input.check(name)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write::<_, _, HubError>(move |tx| {
                Box::pin(async move {
                    let (group, known) = permitted(tx.session(), group).await?;
                    if group.managed_by.is_none() || known.as_ref() != Some(&group) {
                        store_group(tx, &group, now).await?;
                        let details = json!({
                            "group": group.name, "members": group.members, "from_claim": group.from_claim,
                        });
                        tx.record(&Entry { details, ..Entry::new(now, "group.put", actor) })?;
                    }
                    Ok(group)
                })
            })
            .await
    }

    /// Replaces the listed members of a group that there is; the same members again change nothing.
    ///
    /// # Errors
    /// When the caller may not, there is no such group, or the input is invalid.
    pub async fn put_group_members(
        &self,
        caller: &Principal,
        name: GroupName,
        MembersInput { members }: MembersInput,
    ) -> Result<Group, HubError> {
        require(caller, Right::Provision)?;
        input::count("/members", members.len(), MAX_MEMBERS)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = groups::get(tx.session(), &name).await?.ok_or(HubError::NotFound("group"))?;
                    let wanted = Group { members, ..known.clone() };
                    let (group, _) = permitted(tx.session(), wanted).await?;
                    if known != group {
                        store_group(tx, &group, now).await?;
                        let details = json!({"group": group.name, "members": group.members});
                        tx.record(&Entry { details, ..Entry::new(now, "group.members", actor) })?;
                    }
                    Ok(group)
                })
            })
            .await
    }

    /// Returns one group.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn group(&self, caller: &Principal, name: &GroupName) -> Result<GroupView, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let session = &mut self.store.read().await?;
        let group = groups::get(session, name).await?.ok_or(HubError::NotFound("group"))?;
        let by_claim = claims::members(session, name, MAX_CLAIM_MEMBERS).await?;
        let by_claim = by_claim.into_iter().map(|(person, fresh_until)| ClaimMember { person, fresh_until }).collect();
        Ok(GroupView { group, by_claim })
    }

    /// Lists groups by name.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn groups(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<Group>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let found = groups::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |group| group.name.to_string()))
    }

    /// Creates or replaces a person.
    ///
    /// # Errors
    /// When the caller may not, or the input is invalid.
    pub async fn put_person(&self, caller: &Principal, email: Email, input: PersonInput) -> Result<Person, HubError> {
        require(caller, Right::Configure)?;
        let person = input.check(email)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let (person, _) = person.onto_known(tx.session()).await?;
                    people::put(tx.session(), &person, now).await?;
                    let details = json!({"name": person.name, "absence": person.absence, "roles": person.roles});
                    let email = Some(person.email.clone());
                    tx.record(&Entry { person: email, details, ..Entry::new(now, "person.put", actor) })?;
                    Ok(person)
                })
            })
            .await
    }

    /// Returns one person.
    ///
    /// # Errors
    /// When the caller may not see them or there is no such person.
    pub async fn person(&self, caller: &Principal, email: &Email) -> Result<Person, HubError> {
        require(caller, Right::ReadConfiguration)?;
        people::get(&mut self.store.read().await?, email).await?.ok_or(HubError::NotFound("person"))
    }

    /// Lists people by address.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn people(&self, caller: &Principal, limit: u32, after: &str) -> Result<Page<Person>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let found = people::page(&mut self.store.read().await?, after, limit + 1).await?;
        Ok(Page::cut(found, limit, |person| person.email.to_string()))
    }
}
