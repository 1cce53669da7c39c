//! Group memberships, and who stands in for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{Email, GroupName};
use crate::time::Timestamp;

/// Why a person is a member of a group. The last one is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Membership {
    /// By a sign-in, until this time. Then it is old: the person has to sign in again before they vote.
    Until(Timestamp),
    /// Listed by the hub or by a directory. It does not age.
    Listed,
}

impl Membership {
    /// Whether it is not old.
    pub fn is_fresh(self, now: Timestamp) -> bool {
        match self {
            Self::Listed => true,
            Self::Until(end) => now < end,
        }
    }
}

/// Group memberships and stand-ins, as far as one decision needs them.
///
/// Old memberships are part of it: a vote that was cast before the membership got old still counts. Only who votes now
/// needs a fresh one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    members: BTreeMap<GroupName, BTreeMap<Email, Membership>>,
    /// For each stand-in, the absent members they may vote for now.
    delegators: BTreeMap<Email, BTreeSet<Email>>,
}

impl Roster {
    /// Adds a person to a group. Of several memberships, the strongest counts.
    pub fn add(&mut self, group: GroupName, person: Email, membership: Membership) {
        let known = self.members.entry(group).or_default().entry(person).or_insert(membership);
        *known = membership.max(*known);
    }

    /// Records that `delegate` may vote in the place of `delegator` now.
    pub fn delegate(&mut self, delegator: Email, delegate: Email) {
        self.delegators.entry(delegate).or_default().insert(delegator);
    }

    /// Returns the absent members that the person may vote for now, in order.
    pub fn delegators(&self, delegate: &Email) -> impl Iterator<Item = &Email> {
        self.delegators.get(delegate).into_iter().flatten()
    }

    /// Whether the person is in the group, even by an old membership.
    pub fn contains(&self, group: &GroupName, person: &Email) -> bool {
        self.membership(group, person).is_some()
    }

    /// Whether the person is in the group by a membership that is not old.
    pub fn contains_fresh(&self, group: &GroupName, person: &Email, now: Timestamp) -> bool {
        self.membership(group, person).is_some_and(|membership| membership.is_fresh(now))
    }

    /// Returns the group's members, in order, also those by an old membership.
    pub fn members(&self, group: &GroupName) -> impl Iterator<Item = &Email> {
        self.memberships(group).map(|(person, _)| person)
    }

    /// Returns the group's members with their memberships, in order.
    pub fn memberships(&self, group: &GroupName) -> impl Iterator<Item = (&Email, Membership)> {
        self.members.get(group).into_iter().flatten().map(|(person, membership)| (person, *membership))
    }

    fn membership(&self, group: &GroupName, person: &Email) -> Option<Membership> {
        self.members.get(group)?.get(person).copied()
    }
}

impl FromIterator<(GroupName, Email, Membership)> for Roster {
    fn from_iter<I: IntoIterator<Item = (GroupName, Email, Membership)>>(places: I) -> Self {
        let mut roster = Self::default();
        places.into_iter().for_each(|(group, person, membership)| roster.add(group, person, membership));
        roster
    }
}

impl FromIterator<(GroupName, Email)> for Roster {
    fn from_iter<I: IntoIterator<Item = (GroupName, Email)>>(pairs: I) -> Self {
        pairs.into_iter().map(|(group, person)| (group, person, Membership::Listed)).collect()
    }
}
