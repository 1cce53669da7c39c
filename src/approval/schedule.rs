//! When reminders are sent, and when a request is escalated to further groups.

use std::time::Duration;

use super::{Escalation, GroupName, Progress, Request};
use crate::time::Timestamp;

/// A reminder or escalation that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledNotice {
    /// The progress after it.
    pub progress: Progress,
    /// Whether to remind those asked. Several missed reminders become one.
    pub remind: bool,
    /// Slots, and the group that may fill each of them from now on.
    pub added: Vec<(GroupName, GroupName)>,
}

/// Returns what is due at `now`.
pub(super) fn due(request: &Request, now: Timestamp) -> Option<ScheduledNotice> {
    let procedure = &request.terms.procedure;
    let reminders = procedure.reminders.iter().take_while(|after| reminder_at(request, **after) <= now).count();
    let steps = procedure.escalation.iter().take_while(|step| escalation_at(request, step) <= now).count();
    // Progress never goes back, even if the clock does: no reminder is sent twice.
    let progress = Progress {
        reminders: small(reminders).max(request.progress.reminders),
        escalations: small(steps).max(request.progress.escalations),
    };
    if progress == request.progress {
        return None;
    }
    let done = request.progress.escalations as usize;
    let mut added: Vec<(GroupName, GroupName)> = Vec::new();
    for step in procedure.escalation.iter().take(steps).skip(done) {
        let mut slots = request.terms.slots.iter().filter(|slot| slot.slot.group == step.slot);
        let pair = (step.slot.clone(), step.add.clone());
        if slots.any(|slot| !slot.also.contains(&step.add)) && !added.contains(&pair) {
            added.push(pair);
        }
    }
    Some(ScheduledNotice { progress, remind: progress.reminders > request.progress.reminders, added })
}

impl Request {
    /// Returns the time of the next reminder or escalation before the deadline.
    pub fn next_notice(&self) -> Option<Timestamp> {
        let procedure = &self.terms.procedure;
        let reminder = procedure.reminders.get(self.progress.reminders as usize).map(|after| reminder_at(self, *after));
        let step = procedure.escalation.get(self.progress.escalations as usize).map(|step| escalation_at(self, step));
        reminder.into_iter().chain(step).min().filter(|at| *at < self.expires_at)
    }
}

/// Reminders count working time only.
fn reminder_at(request: &Request, after: u32) -> Timestamp {
    let after = Duration::from_secs(after.into());
    let hours = request.terms.procedure.working_hours.as_ref();
    hours.map_or(request.created_at + after, |hours| hours.add(request.created_at, after))
}

/// Escalation counts all time: it must also happen when nobody works.
fn escalation_at(request: &Request, step: &Escalation) -> Timestamp {
    request.created_at + Duration::from_secs(step.after_seconds.into())
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
