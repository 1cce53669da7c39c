//! Whether people fill slots: a maximum bipartite matching between places and distinct humans.
//!
//! A slot that needs *k* approvals has *k* places. One person fills one place, also when they are in several groups; a slot
//! marked `shared` is counted on its own instead.

use std::collections::{BTreeMap, BTreeSet};

use super::{Email, GroupName, Slot, Vote};

/// Who is in which group, as far as a question needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    members: BTreeMap<GroupName, BTreeSet<Email>>,
}

impl Roster {
    /// Adds a person to a group.
    pub fn add(&mut self, group: GroupName, person: Email) {
        self.members.entry(group).or_default().insert(person);
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
/// An approval counts for a slot that it was cast for when its voter is in the slot's group (still).
pub fn cover<'a>(slots: impl IntoIterator<Item = &'a Slot>, approvals: &[&Vote], roster: &Roster) -> Vec<u32> {
    let fills =
        |slot: &Slot, vote: &Vote| vote.groups.contains(&slot.group) && roster.contains(&slot.group, &vote.voter);
    fill(slots, |slot| approvals.iter().filter(|vote| fills(slot, vote)).map(|vote| &vote.voter).collect())
}

/// Whether the roster, `excluded` people left out, could fill every slot.
pub fn satisfiable(slots: &[Slot], roster: &Roster, excluded: impl Fn(&Email) -> bool) -> bool {
    let filled = fill(slots, |slot| roster.members(&slot.group).filter(|person| !excluded(person)).collect());
    filled.iter().zip(slots).all(|(filled, slot)| *filled >= slot.needed)
}

/// Fills the places of all slots, given who could stand in each.
fn fill<'a, 'p>(
    slots: impl IntoIterator<Item = &'a Slot>,
    candidates: impl Fn(&Slot) -> BTreeSet<&'p Email>,
) -> Vec<u32> {
    let mut matching = Matching::default();
    slots
        .into_iter()
        .map(|slot| {
            let people = candidates(slot);
            if slot.shared {
                return slot.needed.min(u32::try_from(people.len()).unwrap_or(u32::MAX));
            }
            let people: Vec<&Email> = people.into_iter().collect();
            (0..slot.needed).map(|_| u32::from(matching.place(people.clone()))).sum()
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
