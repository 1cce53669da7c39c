//! What one request is judged by: its resource's policy as it stood, and who may not decide it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::slot::with_added;
use super::{Email, GroupName, Procedure, Roster, RuleName, Slot};

/// The policy as it stood when the request was made: what this request is judged by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The slots to fill, those that rules added among them.
    pub slots: Vec<TermsSlot>,
    /// The policy's own slots: a changed command may meet other rules.
    #[serde(default)]
    pub policy_slots: Vec<Slot>,
    /// People whom the resource lists: they may not decide.
    #[serde(default)]
    pub conflicted: BTreeSet<Email>,
    /// Who asks, and for whom it is asked: they may decide only where self-approval is allowed.
    #[serde(default)]
    pub askers: BTreeSet<Email>,
    /// The rules that want people to be asked about the present payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asking_rules: Vec<RuleName>,
    /// How its decision proceeds and what may follow.
    #[serde(flatten)]
    pub procedure: Arc<Procedure>,
}

/// A slot of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsSlot {
    /// The requirement.
    #[serde(flatten)]
    pub slot: Slot,
    /// How many people could fill it when the request was made, those in conflict left out.
    pub eligible: u32,
    /// Groups that escalation added: their members may fill it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<GroupName>,
}

impl TermsSlot {
    /// Every group whose members may fill it.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        std::iter::once(&self.slot.group).chain(&self.also)
    }

    /// Whether the person is in one of its groups.
    pub fn admits(&self, person: &Email, roster: &Roster) -> bool {
        self.groups().any(|group| roster.contains(group, person))
    }

    /// The members of its groups.
    pub fn members<'r>(&self, roster: &'r Roster) -> BTreeSet<&'r Email> {
        self.groups().flat_map(|group| roster.members(group)).collect()
    }
}

impl Terms {
    /// Every group whose members may decide, each once.
    pub fn groups(&self) -> BTreeSet<&GroupName> {
        self.slots.iter().flat_map(TermsSlot::groups).collect()
    }

    /// Whether the person may not decide this request.
    pub fn is_in_conflict(&self, person: &Email) -> bool {
        self.conflicted.contains(person) || (self.askers.contains(person) && !self.procedure.allow_self_approval)
    }

    /// The slots when rules add some: counted anew, with the groups that escalation has added.
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
