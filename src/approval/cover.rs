//! Whether people fill slots: a maximum bipartite matching between places and distinct humans.
//!
//! A slot that needs *k* approvals has *k* places. One person fills one place, also when they are in several groups; a slot
//! marked `shared` is counted on its own instead.

use std::collections::{BTreeMap, BTreeSet};

use super::{Email, Roster, TermsSlot, Vote};

/// How many places of each slot the given approvals fill at best, in the order of the slots.
///
/// An approval counts for a slot that it was cast for when the member whose right it uses is in one of the slot's groups (still).
pub fn cover(slots: &[TermsSlot], approvals: &[&Vote], roster: &Roster) -> Vec<u32> {
    let fills =
        |slot: &TermsSlot, vote: &Vote| vote.groups.contains(&slot.slot.group) && slot.admits(vote.seat(), roster);
    fill(slots, |slot| approvals.iter().filter(|vote| fills(slot, vote)).map(|vote| vote.seat()).collect()).counts
}

/// Whether the roster, `excluded` people left out, could fill every slot.
pub fn satisfiable(slots: &[TermsSlot], roster: &Roster, excluded: impl Fn(&Email) -> bool) -> bool {
    is_full(slots, &fill_from(slots, roster, excluded).counts)
}

/// Who cannot be done without: people of the roster but for whom not every slot could be filled. Nobody, when not even with them.
///
/// Of all that could decide only those are looked at whom one way to fill the slots takes, however large the groups are.
pub fn indispensable<'r>(
    slots: &[TermsSlot],
    roster: &'r Roster,
    excluded: impl Fn(&Email) -> bool,
) -> BTreeSet<&'r Email> {
    let filled = fill_from(slots, roster, &excluded);
    if !is_full(slots, &filled.counts) {
        return BTreeSet::new();
    }
    let needed = |person: &&Email| !satisfiable(slots, roster, |other| other == *person || excluded(other));
    filled.taken.into_iter().filter(needed).collect()
}

fn fill_from<'r>(slots: &[TermsSlot], roster: &'r Roster, excluded: impl Fn(&Email) -> bool) -> Filled<'r> {
    fill(slots, |slot| {
        slot.groups().flat_map(|group| roster.members(group)).filter(|person| !excluded(person)).collect()
    })
}

/// Whether so many places are all that the slots have.
pub(super) fn is_full(slots: &[TermsSlot], filled: &[u32]) -> bool {
    slots.iter().zip(filled).all(|(slot, filled)| *filled >= slot.slot.needed)
}

/// One way to fill slots.
struct Filled<'p> {
    /// How many places of each slot.
    counts: Vec<u32>,
    /// The people it takes. Without anybody else the slots are as full.
    taken: BTreeSet<&'p Email>,
}

/// Fills the places of all slots, given who could stand in each.
fn fill<'p>(slots: &[TermsSlot], candidates: impl Fn(&TermsSlot) -> BTreeSet<&'p Email>) -> Filled<'p> {
    let (mut matching, mut taken) = (Matching::default(), BTreeSet::new());
    let counts = slots
        .iter()
        .map(|slot| {
            let (people, needed) = (candidates(slot), slot.slot.needed);
            if slot.slot.shared {
                let filled = needed.min(u32::try_from(people.len()).unwrap_or(u32::MAX));
                taken.extend(people.into_iter().take(filled as usize));
                return filled;
            }
            let people: Vec<&Email> = people.into_iter().collect();
            (0..needed).map(|_| u32::from(matching.place(people.clone()))).sum()
        })
        .collect();
    taken.extend(matching.standing.into_keys());
    Filled { counts, taken }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{GroupName, Slot};

    /// All ways in which three people can be in the groups of two slots, against what the name says.
    #[test]
    fn indispensable_is_who_leaves_a_place_empty() {
        let people: Vec<Email> =
            ["a", "b", "c"].map(|name| format!("{name}@x.org").parse().expect("an address")).into();
        let groups: [GroupName; 2] = ["dba", "security"].map(|name| name.parse().expect("a name"));
        for world in 0..1_u32 << 10 {
            let is = |bit: usize| world & (1 << bit) != 0;
            let slots: Vec<TermsSlot> = (0..2)
                .map(|slot| {
                    let needed = if is(6 + slot) { 2 } else { 1 };
                    let slot = Slot { group: groups[slot].clone(), needed, shared: is(8 + slot) };
                    TermsSlot { slot, eligible: 0, also: Vec::new() }
                })
                .collect();
            let places = (0..6).filter(|bit| is(*bit)).map(|bit| (groups[bit / 3].clone(), people[bit % 3].clone()));
            let roster: Roster = places.collect();
            for left_out in [None, people.first()] {
                let fills = |without: Option<&Email>| {
                    satisfiable(&slots, &roster, |person| Some(person) == left_out || Some(person) == without)
                };
                let wanted = people.iter().filter(|person| fills(None) && !fills(Some(person))).collect();
                let found = indispensable(&slots, &roster, |person| Some(person) == left_out);
                assert_eq!(found, wanted, "{slots:?} {roster:?}");
            }
        }
    }
}
