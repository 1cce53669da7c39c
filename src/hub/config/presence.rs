//! Groups and their members, with who of them is away.

use std::collections::BTreeSet;

use super::groups_and_people::{ClaimMember, GroupView, MAX_CLAIM_MEMBERS};
use crate::approval::{Email, GroupName};
use crate::hub::{Hub, HubError, Page, require};
use crate::identity::{Principal, Right};
use crate::store::groups::Group;
use crate::store::people::Person;
use crate::store::{Session, claims, groups, people};
use crate::time::Timestamp;

/// A group in a list.
#[derive(Debug, Clone)]
pub struct GroupLine {
    pub group: Group,
    /// How many of the listed members are away now.
    pub away: usize,
}

/// A group with what is known about its members.
#[derive(Debug)]
pub struct GroupMembers {
    pub view: GroupView,
    /// The members that have a name, an absence or roles.
    pub people: Vec<Person>,
}

/// Which of these people are away at that time.
fn away(known: &[Person], now: Timestamp) -> BTreeSet<&Email> {
    let is_away = |person: &&Person| person.absence.as_ref().is_some_and(|absence| absence.covers(now));
    known.iter().filter(is_away).map(|person| &person.email).collect()
}

async fn members_of(session: &mut Session, groups: &[&Group]) -> Result<Vec<Person>, HubError> {
    let members: BTreeSet<&Email> = groups.iter().flat_map(|group| &group.members).collect();
    Ok(people::known(session, &members).await?)
}

impl Hub {
    /// Lists groups by name, with how many members are away.
    ///
    /// # Errors
    /// When the caller may not see them.
    pub async fn groups_with_presence(
        &self,
        caller: &Principal,
        limit: u32,
        after: &str,
    ) -> Result<Page<GroupLine>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let session = &mut self.store.read().await?;
        let found = groups::page(session, after, limit + 1).await?;
        let page = Page::cut(found, limit, |group| group.name.to_string());
        let known = members_of(session, &page.items.iter().collect::<Vec<_>>()).await?;
        let away = away(&known, self.clock.now());
        let line = |group: Group| GroupLine {
            away: group.members.iter().filter(|member| away.contains(member)).count(),
            group,
        };
        Ok(page.map(line))
    }

    /// Returns one group with its people.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn group_with_people(&self, caller: &Principal, name: &GroupName) -> Result<GroupMembers, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let session = &mut self.store.read().await?;
        let group = groups::get(session, name).await?.ok_or(HubError::NotFound("group"))?;
        // Without values of a claim there is nobody to find.
        let by_claim = match group.from_claim.is_empty() {
            true => Vec::new(),
            false => claims::members(session, name, MAX_CLAIM_MEMBERS).await?,
        };
        let by_claim: Vec<ClaimMember> =
            by_claim.into_iter().map(|(person, fresh_until)| ClaimMember { person, fresh_until }).collect();
        let members: BTreeSet<&Email> =
            group.members.iter().chain(by_claim.iter().map(|member| &member.person)).collect();
        let people = people::known(session, &members).await?;
        Ok(GroupMembers { view: GroupView { group, by_claim }, people })
    }
}
