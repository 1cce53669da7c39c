//! Group memberships, and who stands in for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{Email, GroupName};

/// Group memberships and stand-ins, as far as one decision needs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    members: BTreeMap<GroupName, BTreeSet<Email>>,
    /// For each stand-in, the absent members they may vote for now.
    delegators: BTreeMap<Email, BTreeSet<Email>>,
}

impl Roster {
    /// Adds a person to a group.
    pub fn add(&mut self, group: GroupName, person: Email) {
        self.members.entry(group).or_default().insert(person);
    }

    /// Records that `delegate` may vote in the place of `delegator` now.
    pub fn delegate(&mut self, delegator: Email, delegate: Email) {
        self.delegators.entry(delegate).or_default().insert(delegator);
    }

    /// Returns the absent members that the person may vote for now, in order.
    pub fn delegators(&self, delegate: &Email) -> impl Iterator<Item = &Email> {
        self.delegators.get(delegate).into_iter().flatten()
    }

    /// Whether the person is in the group.
    pub fn contains(&self, group: &GroupName, person: &Email) -> bool {
        self.members.get(group).is_some_and(|members| members.contains(person))
    }

    /// Returns the group's members, in order.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = &Email> {
        self.members.get(group).into_iter().flatten()
    }
}

impl FromIterator<(GroupName, Email)> for Roster {
    fn from_iter<I: IntoIterator<Item = (GroupName, Email)>>(pairs: I) -> Self {
        let mut roster = Self::default();
        pairs.into_iter().for_each(|(group, person)| roster.add(group, person));
        roster
    }
}
