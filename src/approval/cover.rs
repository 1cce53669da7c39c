//! Whether people fill slots: a maximum bipartite matching between places and distinct humans.
//!
//! A slot that needs *k* approvals has *k* places. One person fills one place, also when they are in several groups; a slot
//! marked `shared` is counted on its own instead.

use std::collections::{BTreeMap, BTreeSet};

use super::{Email, GroupName, TermsSlot, Vote};

/// Who is in which group, as far as a question needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    members: BTreeMap<GroupName, BTreeSet<Email>>,
    /// Who stands in for whom now.
    delegators: BTreeMap<Email, BTreeSet<Email>>,
}

impl Roster {
    /// Adds a person to a group.
    pub fn add(&mut self, group: GroupName, person: Email) {
        self.members.entry(group).or_default().insert(person);
    }

    /// Says that `delegate` may vote in the place of `delegator` now.
    pub fn delegate(&mut self, delegator: Email, delegate: Email) {
        self.delegators.entry(delegate).or_default().insert(delegator);
    }

    /// Whom the person may stand in for now, in order.
    pub fn delegators(&self, delegate: &Email) -> impl Iterator<Item = &Email> {
        self.delegators.get(delegate).into_iter().flatten()
    }

    /// Whether the person is in the group.
    pub fn contains(&self, group: &GroupName, person: &Email) -> bool {
        self.members.get(group).is_some_and(|members| members.contains(person))
    }

    /// The group's members, in order.
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

/// How many places of each slot the given approvals fill at best, in the order of the slots.
///
/// An approval counts for a slot that it was cast for when the member whose right it uses is in one of the slot's groups (still).
pub fn cover(slots: &[TermsSlot], approvals: &[&Vote], roster: &Roster) -> Vec<u32> {
    let fills =
        |slot: &TermsSlot, vote: &Vote| vote.groups.contains(&slot.slot.group) && slot.admits(vote.seat(), roster);
    fill(slots, |slot| approvals.iter().filter(|vote| fills(slot, vote)).map(|vote| vote.seat()).collect())
}

/// Whether the roster, `excluded` people left out, could fill every slot.
pub fn satisfiable(slots: &[TermsSlot], roster: &Roster, excluded: impl Fn(&Email) -> bool) -> bool {
    let candidates = |slot: &TermsSlot| {
        slot.groups().flat_map(|group| roster.members(group)).filter(|person| !excluded(person)).collect()
    };
    is_full(slots, &fill(slots, candidates))
}

/// Whether so many places are all that the slots have.
pub(super) fn is_full(slots: &[TermsSlot], filled: &[u32]) -> bool {
    slots.iter().zip(filled).all(|(slot, filled)| *filled >= slot.slot.needed)
}

/// Fills the places of all slots, given who could stand in each.
fn fill<'p>(slots: &[TermsSlot], candidates: impl Fn(&TermsSlot) -> BTreeSet<&'p Email>) -> Vec<u32> {
    let mut matching = Matching::default();
    slots
        .iter()
        .map(|slot| {
            let (people, needed) = (candidates(slot), slot.slot.needed);
            if slot.slot.shared {
                return needed.min(u32::try_from(people.len()).unwrap_or(u32::MAX));
            }
            let people: Vec<&Email> = people.into_iter().collect();
            (0..needed).map(|_| u32::from(matching.place(people.clone()))).sum()
        })
        .collect()
}

/// A matching that grows a place at a time (Kuhn's algorithm). A place once filled stays filled, perhaps by somebody else.
#[derive(Default)]
struct Matching<'p> {
    /// Who could stand in each place.
    places: Vec<Vec<&'p Email>>,
    /// Which place each person stands in.
    standing: BTreeMap<&'p Email, usize>,
}

impl<'p> Matching<'p> {
    /// Adds a place; answers whether it could be filled.
    fn place(&mut self, candidates: Vec<&'p Email>) -> bool {
        self.places.push(candidates);
        self.augment(self.places.len() - 1, &mut BTreeSet::new())
    }

    /// Finds a person for the place, moving others along when needed. Recurses at most once per filled place, of which there
    /// are at most `MAX_PLACES`.
    fn augment(&mut self, place: usize, asked: &mut BTreeSet<&'p Email>) -> bool {
        for person in self.places.get(place).cloned().unwrap_or_default() {
            if !asked.insert(person) {
                continue;
            }
            let free = match self.standing.get(person) {
                None => true,
                Some(&other) => self.augment(other, asked),
            };
            if free {
                self.standing.insert(person, place);
                return true;
            }
        }
        false
    }
}
