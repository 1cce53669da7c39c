//! Whether a vote still counts: it lapses when the member leaves the groups that gave the right to it.

use super::{Request, Roster, TermsSlot, Void, VoidReason, Vote};

/// Whether a vote has lapsed: the member whose seat it uses has left the groups that it was cast for.
pub(super) fn is_lapsed(vote: &Vote, slots: &[TermsSlot], roster: &Roster) -> bool {
    let mut cast_for = slots.iter().filter(|slot| vote.groups.contains(&slot.slot.group));
    !cast_for.any(|slot| slot.admits(vote.seat(), roster))
}

/// The voids of all votes that have lapsed.
pub(super) fn lapsed(request: &Request, roster: &Roster) -> Vec<Void> {
    let lapsed = request.live_votes().filter(|vote| is_lapsed(vote, &request.terms.slots, roster));
    lapsed.map(|vote| Void { vote: vote.id, why: VoidReason::LeftGroup }).collect()
}
