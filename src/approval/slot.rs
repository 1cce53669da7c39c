//! One requirement of a policy: the group that must approve, and how many of its members.

use serde::{Deserialize, Serialize};

use super::GroupName;

/// Maximum number of slots of a policy.
pub const MAX_SLOTS: usize = 50;
/// Maximum number of places over all slots of a policy.
pub const MAX_PLACES: u32 = 200;

/// One requirement: `needed` approvals by members of `group`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The group whose members may fill it.
    pub group: GroupName,
    /// How many distinct people must approve.
    #[serde(default = "one")]
    pub needed: u32,
    /// Whether a person who fills another slot may also fill this one.
    #[serde(default)]
    pub shared: bool,
}

/// Returns the slots with those of a rule. Two slots of a group become one: with the higher `needed`, and shared only
/// if both are.
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

/// The default of a count.
pub(super) const fn one() -> u32 {
    1
}
