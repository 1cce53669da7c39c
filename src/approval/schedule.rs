//! When those asked are reminded, and when others are asked too.

use std::time::Duration;

use super::{Escalation, GroupName, Progress, Request};
use crate::time::Timestamp;

/// What it is time for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What is behind the request from now on.
    pub progress: Progress,
    /// Whether those asked are reminded. Reminders that were missed are one reminder.
    pub remind: bool,
    /// Slots, and the group that may fill each of them from now on.
    pub added: Vec<(GroupName, GroupName)>,
}

/// What it is time for at `now`, if anything.
pub(super) fn due(request: &Request, now: Timestamp) -> Option<Notice> {
    let procedure = &request.terms.procedure;
    let reminders = procedure.reminders.iter().take_while(|after| reminder_at(request, **after) <= now).count();
    let steps = procedure.escalation.iter().take_while(|step| escalation_at(request, step) <= now).count();
    // Never back, though a clock may go: nobody is reminded of the same twice.
    let progress = Progress {
        reminders: small(reminders).max(request.progress.reminders),
        escalations: small(steps).max(request.progress.escalations),
    };
    if progress == request.progress {
        return None;
    }
    let taken = request.progress.escalations as usize;
    let mut added: Vec<(GroupName, GroupName)> = Vec::new();
    for step in procedure.escalation.iter().take(steps).skip(taken) {
        let mut slots = request.terms.slots.iter().filter(|slot| slot.slot.group == step.slot);
        let pair = (step.slot.clone(), step.add.clone());
        if slots.any(|slot| !slot.also.contains(&step.add)) && !added.contains(&pair) {
            added.push(pair);
        }
    }
    Some(Notice { progress, remind: progress.reminders > request.progress.reminders, added })
}

impl Request {
    /// When it is next time to remind or to escalate, before its own end.
    pub fn next_notice(&self) -> Option<Timestamp> {
        let procedure = &self.terms.procedure;
        let reminder = procedure.reminders.get(self.progress.reminders as usize).map(|after| reminder_at(self, *after));
        let step = procedure.escalation.get(self.progress.escalations as usize).map(|step| escalation_at(self, step));
        reminder.into_iter().chain(step).min().filter(|at| *at < self.expires_at)
    }
}

/// People are reminded when they work.
fn reminder_at(request: &Request, after: u32) -> Timestamp {
    let after = Duration::from_secs(after.into());
    let hours = request.terms.procedure.working_hours.as_ref();
    hours.map_or(request.created_at + after, |hours| hours.add(request.created_at, after))
}

/// Escalation is for when nobody works.
fn escalation_at(request: &Request, step: &Escalation) -> Timestamp {
    request.created_at + Duration::from_secs(step.after_seconds.into())
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
