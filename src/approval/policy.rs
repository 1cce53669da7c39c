//! What a resource asks for before something may happen to it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GroupName;

/// Deadline of a request when neither it, its resource nor the settings name one.
pub const DEFAULT_TIMEOUT_SECONDS: u32 = 3_600;
/// Longest deadline: 30 days.
pub const MAX_TIMEOUT_SECONDS: u32 = 30 * 24 * 3_600;
/// Most slots of one policy.
pub const MAX_SLOTS: usize = 50;
/// Most places over all slots of one policy.
pub const MAX_PLACES: u32 = 200;

/// One requirement: `needed` approvals by members of `group`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// The policy of a resource as configured. Editing it touches new requests only: each request keeps its [`Terms`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// All must be filled; a reject from any ends the request.
    pub slots: Vec<Slot>,
    /// Time to decide; the hub's own default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Whether the requester must say why.
    #[serde(default)]
    pub reason_required: bool,
    /// Whether a reject must say why.
    #[serde(default)]
    pub reject_reason_required: bool,
}

/// A policy that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// Nobody would be asked.
    #[error("slots is empty: name at least one group that must approve")]
    NoSlots,
    /// Beyond [`MAX_SLOTS`] or [`MAX_PLACES`].
    #[error("too many slots: at most 50 slots and 200 approvals in all")]
    TooManySlots,
    /// A slot that needs nobody.
    #[error("slot of group {0}: needed must be at least 1")]
    NothingNeeded(GroupName),
    /// Two slots of one group; a higher `needed` says the same more clearly.
    #[error("group {0} has two slots: use one slot and raise its needed")]
    GroupTwice(GroupName),
    /// Outside one second to [`MAX_TIMEOUT_SECONDS`].
    #[error("timeout_seconds must be between 1 and 2592000 (30 days)")]
    Timeout,
}

impl Policy {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first thing found that cannot be meant.
    pub fn validate(&self) -> Result<(), InvalidPolicy> {
        if self.slots.is_empty() {
            return Err(InvalidPolicy::NoSlots);
        }
        let places = self.slots.iter().fold(0_u32, |sum, slot| sum.saturating_add(slot.needed));
        if self.slots.len() > MAX_SLOTS || places > MAX_PLACES {
            return Err(InvalidPolicy::TooManySlots);
        }
        let mut groups = BTreeSet::new();
        for slot in &self.slots {
            if slot.needed == 0 {
                return Err(InvalidPolicy::NothingNeeded(slot.group.clone()));
            }
            if !groups.insert(&slot.group) {
                return Err(InvalidPolicy::GroupTwice(slot.group.clone()));
            }
        }
        self.timeout_seconds.map_or(Ok(()), validate_timeout)
    }

    /// How long a request has: its own wish, else the resource's, else `default_seconds`.
    ///
    /// # Errors
    /// [`InvalidPolicy::Timeout`] when the wish is out of bounds.
    pub fn timeout(&self, wish: Option<u32>, default_seconds: u32) -> Result<Duration, InvalidPolicy> {
        let seconds = wish.or(self.timeout_seconds).unwrap_or(default_seconds);
        validate_timeout(seconds)?;
        Ok(Duration::from_secs(seconds.into()))
    }
}

fn validate_timeout(seconds: u32) -> Result<(), InvalidPolicy> {
    if (1..=MAX_TIMEOUT_SECONDS).contains(&seconds) { Ok(()) } else { Err(InvalidPolicy::Timeout) }
}

const fn one() -> u32 {
    1
}

/// The policy as it stood when the request was made: what this request is judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The slots to fill.
    pub slots: Vec<TermsSlot>,
    /// Whether a reject must say why.
    pub reject_reason_required: bool,
}

/// A slot of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsSlot {
    /// The requirement.
    #[serde(flatten)]
    pub slot: Slot,
    /// How many people could fill it when the request was made, its requester left out.
    pub eligible: u32,
}

impl Terms {
    /// The slots' requirements.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().map(|terms| &terms.slot)
    }
}
