//! The terms of a request: its resource's policy when it was made, and who may not decide it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::slot::with_added;
use super::{Assurance, Email, GroupName, Procedure, Roster, RuleName, Slot};
use crate::time::Timestamp;

/// The policy as it was when the request was made. The request is judged by it, whatever happens to the policy later.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The slots to fill, with those that rules added.
    pub slots: Vec<TermsSlot>,
    /// The policy's own slots. A changed command starts from them, since other rules may match it.
    #[serde(default)]
    pub policy_slots: Vec<Slot>,
    /// People with a conflict of interest: they may not approve.
    #[serde(default)]
    pub conflicted: BTreeSet<Email>,
    /// The requesting side: they may approve only where self-approval is allowed.
    #[serde(default)]
    pub askers: BTreeSet<Email>,
    /// The rules that require people to be asked about the current payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asking_rules: Vec<RuleName>,
    /// The least assurance that a vote needs where the policy names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_min_assurance: Option<Assurance>,
    /// How a decision proceeds, and what may follow it.
    #[serde(flatten)]
    pub procedure: Arc<Procedure>,
}

/// A slot of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsSlot {
    #[serde(flatten)]
    pub slot: Slot,
    /// How many people could fill it when the request was made, without those in conflict.
    pub eligible: u32,
    /// Groups that escalation added: their members may fill it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<GroupName>,
}

impl TermsSlot {
    /// Returns every group whose members may fill it.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        std::iter::once(&self.slot.group).chain(&self.also)
    }

    /// Whether the person is in one of its groups, even by an old membership.
    pub fn admits(&self, person: &Email, roster: &Roster) -> bool {
        self.groups().any(|group| roster.contains(group, person))
    }

    /// Whether the person is in one of its groups by a membership that is not old.
    pub fn admits_fresh(&self, person: &Email, roster: &Roster, now: Timestamp) -> bool {
        self.groups().any(|group| roster.contains_fresh(group, person, now))
    }

    /// Returns the members of its groups.
    pub fn members<'r>(&self, roster: &'r Roster) -> BTreeSet<&'r Email> {
        self.groups().flat_map(|group| roster.members(group)).collect()
    }
}

impl Terms {
    /// Returns every group whose members may decide, each once.
    pub fn groups(&self) -> BTreeSet<&GroupName> {
        self.slots.iter().flat_map(TermsSlot::groups).collect()
    }

    /// Returns the least assurance that a vote needs.
    pub fn min_assurance(&self) -> Option<Assurance> {
        self.procedure.min_assurance.or(self.default_min_assurance)
    }

    /// Whether a conflict of interest keeps the person from approving.
    pub fn is_in_conflict(&self, person: &Email) -> bool {
        self.conflicted.contains(person) || (self.askers.contains(person) && !self.procedure.allow_self_approval)
    }

    /// Returns the slots with those that rules add, with `eligible` counted again, and with the groups that escalation
    /// has added.
    pub fn slots_with(&self, added: &[Slot], roster: &Roster) -> Vec<TermsSlot> {
        let also = |group: &GroupName| {
            let known = self.slots.iter().find(|known| known.slot.group == *group);
            known.map(|known| known.also.clone()).unwrap_or_default()
        };
        with_added(&self.policy_slots, added)
            .into_iter()
            .map(|slot| {
                let mut slot = TermsSlot { also: also(&slot.group), slot, eligible: 0 };
                let eligible = slot.members(roster).into_iter().filter(|person| !self.is_in_conflict(person)).count();
                slot.eligible = u32::try_from(eligible).unwrap_or(u32::MAX);
                slot
            })
            .collect()
    }
}
