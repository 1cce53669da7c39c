//! The policy of a resource: who must approve what may happen to it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::slot::one;
use super::{Assurance, Detail, Email, GroupName, Guardrail, MAX_PLACES, MAX_SLOTS, Slot, WorkingHours};

/// Deadline of a request when the request, its resource and the settings name none.
pub const DEFAULT_TIMEOUT_SECONDS: u32 = 3_600;
/// Longest deadline: 30 days.
pub const MAX_TIMEOUT_SECONDS: u32 = 30 * 24 * 3_600;
/// Maximum number of reminders, escalation steps, and groups or people in one list of a policy.
pub(super) const MAX_STEPS: usize = 50;
/// Default time in which an approval must be used: one hour.
pub(super) const DEFAULT_USE_WITHIN_SECONDS: u32 = 3_600;
/// Maximum time to use an approval, and maximum access window: 30 days.
pub const MAX_WINDOW_SECONDS: u32 = 30 * 24 * 3_600;

/// The policy of a resource as configured. A change applies to new requests only: each request keeps its terms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The requirements; all must be filled.
    pub slots: Vec<Slot>,
    /// Time to decide; the hub's default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Whether the requester must give a reason.
    #[serde(default)]
    pub reason_required: bool,
    /// Members need no approval; their requests are still recorded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exempt_groups: BTreeSet<GroupName>,
    /// Who may make requests; everybody if empty. To others the resource does not exist.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub requester_groups: BTreeSet<GroupName>,
    /// People with a conflict of interest: they may never approve.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub conflicted: BTreeSet<Email>,
    /// The part that each request keeps in its terms, shared instead of copied.
    #[serde(flatten)]
    pub procedure: Arc<Procedure>,
}

/// The part of a policy that a request keeps: how its decision proceeds, and what may follow it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Procedure {
    /// How many distinct people must reject to end the request.
    #[serde(default = "one")]
    pub reject_needed: u32,
    /// Whether a reject needs a reason.
    #[serde(default)]
    pub reject_reason_required: bool,
    /// Whether the requester may fill a place too. Each use is announced.
    #[serde(default)]
    pub allow_self_approval: bool,
    /// The least assurance that a vote needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_assurance: Option<Assurance>,
    /// How long ago, at most, a voter must have signed in. Votes outside a session are refused then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_sign_in_seconds: Option<u32>,
    /// Time to use an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_within_seconds: Option<u32>,
    /// Maximum access window of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    /// Whether requests are excluded from bulk approval.
    #[serde(default)]
    pub high_risk: bool,
    /// How much of a request is sent to a channel.
    #[serde(default)]
    pub detail: Detail,
    /// Who may use break-glass, and what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// Times of the reminders in seconds since the request; in working time if there are working hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reminders: Vec<u32>,
    /// Who else is asked if nobody decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<Escalation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_hours: Option<WorkingHours>,
    /// Rules that deny or allow commands, or ask for more approvals, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
}

/// The right to approve in an emergency. Each use is announced and must be reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// The groups whose members have the right.
    pub groups: BTreeSet<GroupName>,
    /// Maximum uses of one person in 24 hours.
    #[serde(default = "three")]
    pub per_day: u32,
    /// Deadline of the review after a use.
    #[serde(default = "three_days")]
    pub review_within_seconds: u32,
}

/// One step of escalation: members of another group may fill a slot too. `needed` stays the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// When, in seconds since the request.
    pub after_seconds: u32,
    pub slot: GroupName,
    /// The group whose members may fill it from then on.
    pub add: GroupName,
}

impl Default for Procedure {
    fn default() -> Self {
        Self {
            reject_needed: 1,
            reject_reason_required: false,
            allow_self_approval: false,
            min_assurance: None,
            fresh_sign_in_seconds: None,
            use_within_seconds: None,
            max_duration_seconds: None,
            high_risk: false,
            detail: Detail::Full,
            break_glass: None,
            reminders: Vec::new(),
            escalation: Vec::new(),
            working_hours: None,
            guardrails: Vec::new(),
        }
    }
}

impl Procedure {
    /// Returns the time in which an approval must be used.
    pub fn use_within(&self) -> Duration {
        Duration::from_secs(self.use_within_seconds.unwrap_or(DEFAULT_USE_WITHIN_SECONDS).into())
    }

    /// Returns the maximum access window, in seconds.
    pub fn max_duration(&self) -> u32 {
        self.max_duration_seconds.unwrap_or(MAX_WINDOW_SECONDS)
    }
}

/// Why a policy is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// There would be nobody to ask.
    #[error("slots is empty: name at least one group that must approve")]
    NoSlots,
    /// More than [`MAX_SLOTS`] or [`MAX_PLACES`].
    #[error("too many slots: at most 50 slots and 200 approvals in all")]
    TooManySlots,
    /// A slot that needs no approval.
    #[error("slot of group {0}: needed must be at least 1")]
    NothingNeeded(GroupName),
    /// Two slots of one group; one slot with a higher `needed` is clearer.
    #[error("group {0} has two slots: use one slot and raise its needed")]
    GroupTwice(GroupName),
    /// Outside one second to [`MAX_TIMEOUT_SECONDS`].
    #[error("timeout_seconds must be between 1 and 2592000 (30 days)")]
    Timeout,
    /// A number of seconds outside its bounds.
    #[error("{0} must be between 1 and 2592000 seconds (30 days)")]
    Seconds(&'static str),
    /// Zero, or more people than can ever vote.
    #[error("reject_needed must be between 1 and 200")]
    RejectNeeded,
    /// No group has the right, or the right could never be used.
    #[error("break_glass needs at least one group, and per_day between 1 and 100")]
    BreakGlass,
    /// A step for an unknown slot, or one that adds the slot's own group.
    #[error("escalation of slot {0}: there is no slot of that group, or the step adds the same group")]
    Escalation(GroupName),
    /// More than 50 entries in a list.
    #[error("too many entries in {0}: at most 50")]
    TooMany(&'static str),
}

impl Policy {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Returns the first problem found.
    pub fn validate(&self) -> Result<(), InvalidPolicy> {
        validate_slots(&self.slots)?;
        self.timeout_seconds.map_or(Ok(()), validate_timeout)?;
        let lists = [
            ("exempt_groups", self.exempt_groups.len()),
            ("requester_groups", self.requester_groups.len()),
            ("conflicted", self.conflicted.len()),
        ];
        lists.into_iter().try_for_each(|(name, count)| bounded(name, count))?;
        self.procedure.validate(&self.slots)
    }

    /// Returns the time that a request has: as requested, or the resource's timeout, or `default_seconds`.
    ///
    /// # Errors
    /// [`InvalidPolicy::Timeout`] if the requested time is out of bounds.
    pub fn timeout(&self, requested: Option<u32>, default_seconds: u32) -> Result<Duration, InvalidPolicy> {
        let seconds = requested.or(self.timeout_seconds).unwrap_or(default_seconds);
        validate_timeout(seconds)?;
        Ok(Duration::from_secs(seconds.into()))
    }

    /// Returns every group whose members may decide: by a slot, an escalation step, or a rule.
    pub fn deciding_groups(&self) -> BTreeSet<&GroupName> {
        let slots = self.slots.iter().map(|slot| &slot.group);
        let added = self.procedure.escalation.iter().map(|step| &step.add);
        let ruled = self.procedure.guardrails.iter().flat_map(|rule| rule.slots.iter().map(|slot| &slot.group));
        slots.chain(added).chain(ruled).collect()
    }

    /// Returns every group that the policy names.
    pub fn groups(&self) -> BTreeSet<&GroupName> {
        let glass = self.procedure.break_glass.iter().flat_map(|right| &right.groups);
        self.deciding_groups()
            .into_iter()
            .chain(&self.exempt_groups)
            .chain(&self.requester_groups)
            .chain(glass)
            .collect()
    }
}

impl Procedure {
    fn validate(&self, slots: &[Slot]) -> Result<(), InvalidPolicy> {
        if !(1..=MAX_PLACES).contains(&self.reject_needed) {
            return Err(InvalidPolicy::RejectNeeded);
        }
        bounded("reminders", self.reminders.len())?;
        bounded("escalation", self.escalation.len())?;
        seconds("use_within_seconds", self.use_within_seconds)?;
        seconds("max_duration_seconds", self.max_duration_seconds)?;
        seconds("fresh_sign_in_seconds", self.fresh_sign_in_seconds)?;
        self.reminders.iter().try_for_each(|after| seconds("reminders", Some(*after)))?;
        for step in &self.escalation {
            seconds("escalation.after_seconds", Some(step.after_seconds))?;
            if step.add == step.slot || !slots.iter().any(|slot| slot.group == step.slot) {
                return Err(InvalidPolicy::Escalation(step.slot.clone()));
            }
        }
        if let Some(right) = &self.break_glass {
            bounded("break_glass.groups", right.groups.len())?;
            seconds("break_glass.review_within_seconds", Some(right.review_within_seconds))?;
            if right.groups.is_empty() || !(1..=100).contains(&right.per_day) {
                return Err(InvalidPolicy::BreakGlass);
            }
        }
        Ok(())
    }
}

/// Checks the slots of a policy, with or without those of a rule.
///
/// # Errors
/// Returns the first problem found.
pub fn validate_slots(slots: &[Slot]) -> Result<(), InvalidPolicy> {
    if slots.is_empty() {
        return Err(InvalidPolicy::NoSlots);
    }
    let places = slots.iter().fold(0_u32, |sum, slot| sum.saturating_add(slot.needed));
    if slots.len() > MAX_SLOTS || places > MAX_PLACES {
        return Err(InvalidPolicy::TooManySlots);
    }
    let mut groups = BTreeSet::new();
    for slot in slots {
        if slot.needed == 0 {
            return Err(InvalidPolicy::NothingNeeded(slot.group.clone()));
        }
        if !groups.insert(&slot.group) {
            return Err(InvalidPolicy::GroupTwice(slot.group.clone()));
        }
    }
    Ok(())
}

fn validate_timeout(seconds: u32) -> Result<(), InvalidPolicy> {
    if (1..=MAX_TIMEOUT_SECONDS).contains(&seconds) { Ok(()) } else { Err(InvalidPolicy::Timeout) }
}

fn seconds(name: &'static str, value: Option<u32>) -> Result<(), InvalidPolicy> {
    let fits = value.is_none_or(|seconds| (1..=MAX_WINDOW_SECONDS).contains(&seconds));
    if fits { Ok(()) } else { Err(InvalidPolicy::Seconds(name)) }
}

fn bounded(name: &'static str, count: usize) -> Result<(), InvalidPolicy> {
    if count <= MAX_STEPS { Ok(()) } else { Err(InvalidPolicy::TooMany(name)) }
}

const fn three() -> u32 {
    3
}

const fn three_days() -> u32 {
    3 * 24 * 3_600
}
