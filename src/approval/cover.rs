//! Whether people fill slots: a maximum bipartite matching between distinct people and the places of slots.
//!
//! A slot that needs *k* approvals has *k* places. A person fills at most one place, even if they are in the groups of
//! several slots. So with slots `dba` and `security`, one approval of a member of both groups fills only one of them,
//! and *which* one may change when the next approval arrives. Counting each slot separately would accept one person as
//! two; assigning each vote to the first free slot would leave a slot open that another assignment fills. Hence a
//! matching.
//!
//! - [`fill`] walks the slots in order and adds their places to a [`Matching`] one by one, with the people who may
//!   fill each.
//! - [`Matching::augment`] (Kuhn's algorithm) finds a person for a new place. If everyone eligible is assigned
//!   already, it tries to move one of them from their place by finding somebody else for it, recursively. A filled
//!   place never becomes empty again.
//! - A slot marked `shared` is not part of the matching: any eligible person counts there, whichever place they fill
//!   elsewhere.
//!
//! The same code answers three questions, which differ only in who counts as eligible: [`cover`] (do the approvals so
//! far fill the slots?), [`satisfiable`] (could the members of the groups?) and [`indispensable`] (whose absence would
//! make it impossible?).

use std::collections::{BTreeMap, BTreeSet};

use super::{Email, Roster, TermsSlot, Vote};
use crate::time::Timestamp;

/// How many places of each slot the approvals fill at best, in the order of the slots.
///
/// An approval counts for a slot if it was cast for that slot and the member whose seat it uses is still in one of its
/// groups.
pub fn cover(slots: &[TermsSlot], approvals: &[&Vote], roster: &Roster) -> Vec<u32> {
    let fills =
        |slot: &TermsSlot, vote: &Vote| vote.groups.contains(&slot.slot.group) && slot.admits(vote.seat(), roster);
    fill(slots, |slot| approvals.iter().filter(|vote| fills(slot, vote)).map(|vote| vote.seat()).collect()).counts
}

/// Whether the people in the roster, without the excluded ones, could fill every slot.
pub fn satisfiable(slots: &[TermsSlot], roster: &Roster, excluded: impl Fn(&Email) -> bool) -> bool {
    is_full(slots, &fill_from(slots, roster, excluded).counts)
}

/// People without whom not every slot could be filled. Empty if the slots cannot be filled at all.
///
/// Only the people of one complete matching need a check: the slots are full without anybody else. So the cost does
/// not depend on the size of the groups.
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
    filled.used.into_iter().filter(needed).collect()
}

/// The people without whose new sign-in the slots cannot be filled, of whom enough have to sign in: those who could fill a
/// place, but only by a membership that is old. Empty if the slots can be filled without them. Who is `ready` needs no
/// fresh membership, since they have voted already.
pub fn awaiting_sign_in<'r>(
    slots: &[TermsSlot],
    roster: &'r Roster,
    excluded: impl Fn(&Email) -> bool,
    ready: impl Fn(&Email) -> bool,
    now: Timestamp,
) -> BTreeSet<&'r Email> {
    let candidates = |slot: &TermsSlot, is_ready: bool| -> BTreeSet<&'r Email> {
        let is_wanted = |person: &&Email| (slot.admits_fresh(person, roster, now) || ready(person)) == is_ready;
        slot.members(roster).into_iter().filter(is_wanted).filter(|person| !excluded(person)).collect()
    };
    if is_full(slots, &fill(slots, |slot| candidates(slot, true)).counts) {
        return BTreeSet::new();
    }
    slots.iter().flat_map(|slot| candidates(slot, false)).collect()
}

fn fill_from<'r>(slots: &[TermsSlot], roster: &'r Roster, excluded: impl Fn(&Email) -> bool) -> Filled<'r> {
    fill(slots, |slot| {
        slot.groups().flat_map(|group| roster.members(group)).filter(|person| !excluded(person)).collect()
    })
}

/// Whether the filled places are all places of the slots.
pub(super) fn is_full(slots: &[TermsSlot], filled: &[u32]) -> bool {
    slots.iter().zip(filled).all(|(slot, filled)| *filled >= slot.slot.needed)
}

/// One assignment of people to slots.
struct Filled<'p> {
    /// Filled places of each slot.
    counts: Vec<u32>,
    /// The people that it uses. The slots are as full without anybody else.
    used: BTreeSet<&'p Email>,
}

/// Fills the places of all slots from the candidates of each.
fn fill<'p>(slots: &[TermsSlot], candidates: impl Fn(&TermsSlot) -> BTreeSet<&'p Email>) -> Filled<'p> {
    let (mut matching, mut used) = (Matching::default(), BTreeSet::new());
    let counts = slots
        .iter()
        .map(|slot| {
            let (people, needed) = (candidates(slot), slot.slot.needed);
            if slot.slot.shared {
                let filled = needed.min(u32::try_from(people.len()).unwrap_or(u32::MAX));
                used.extend(people.into_iter().take(filled as usize));
                return filled;
            }
            let people: Vec<&Email> = people.into_iter().collect();
            (0..needed).map(|_| u32::from(matching.add_place(people.clone()))).sum()
        })
        .collect();
    used.extend(matching.assigned.into_keys());
    Filled { counts, used }
}

/// A matching that grows by one place at a time. A filled place stays filled, perhaps by another person.
#[derive(Default)]
struct Matching<'p> {
    /// The candidates of each place.
    places: Vec<Vec<&'p Email>>,
    /// The place of each assigned person.
    assigned: BTreeMap<&'p Email, usize>,
}

impl<'p> Matching<'p> {
    /// Adds a place, and returns whether it could be filled.
    fn add_place(&mut self, candidates: Vec<&'p Email>) -> bool {
        self.places.push(candidates);
        self.augment(self.places.len() - 1, &mut BTreeSet::new())
    }

    /// Finds a person for the place, moving others to another place if needed. The recursion depth is at most the
    /// number of places, which is at most `MAX_PLACES`.
    fn augment(&mut self, place: usize, visited: &mut BTreeSet<&'p Email>) -> bool {
        for person in self.places.get(place).cloned().unwrap_or_default() {
            if !visited.insert(person) {
                continue;
            }
            let is_free = match self.assigned.get(person) {
                None => true,
                Some(&other) => self.augment(other, visited),
            };
            if is_free {
                self.assigned.insert(person, place);
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

    /// Compares every membership of three people in the groups of two slots with the definition.
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
