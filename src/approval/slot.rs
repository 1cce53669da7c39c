//! One requirement of a policy: whose approval, and how many.

use serde::{Deserialize, Serialize};

use super::GroupName;

/// Most slots of one policy.
pub const MAX_SLOTS: usize = 50;
/// Most places over all slots of one policy.
pub const MAX_PLACES: u32 = 200;

/// One requirement: `needed` approvals by members of `group`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Whose members may fill it.
    pub group: GroupName,
    /// How many distinct people must approve.
    #[serde(default = "one")]
    pub needed: u32,
    /// Whether somebody who fills another slot may fill this one as well.
    #[serde(default)]
    pub shared: bool,
}

/// The slots with a rule's added: the same group twice takes the higher number, and is shared only if both say so.
pub fn with_added(slots: &[Slot], added: &[Slot]) -> Vec<Slot> {
    let mut all = slots.to_vec();
    for more in added {
        match all.iter_mut().find(|slot| slot.group == more.group) {
            Some(slot) => {
                slot.needed = slot.needed.max(more.needed);
                slot.shared &= more.shared;
            }
            None => all.push(more.clone()),
        }
    }
    all
}

/// What a count is that nobody names.
pub(super) const fn one() -> u32 {
    1
}
