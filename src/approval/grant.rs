//! Approved access: a grant with a start and an end.
//!
//! Whether it allows access depends on the time alone. The timer only writes and announces the start and the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Email, ResourceName};
use crate::ids::{GrantId, RequestId};
use crate::time::Timestamp;

/// The recorded state of a grant. Ended and revoked are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantStatus {
    /// Before its start.
    Scheduled,
    /// After its start.
    Active,
    /// Its end has passed.
    Ended,
    /// Revoked before its end.
    Revoked,
}

impl GrantStatus {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Revoked => "revoked",
        }
    }
}

/// Access of one person to one resource, from `starts_at` until just before `ends_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    /// The request that it was approved by.
    pub request: RequestId,
    pub resource: ResourceName,
    /// Who has the access.
    pub requester: Email,
    pub status: GrantStatus,
    /// Start of the access.
    pub starts_at: Timestamp,
    /// End of the access, not included.
    pub ends_at: Timestamp,
    /// When it ended or was revoked.
    pub ended_at: Option<Timestamp>,
    /// Who revoked it, if it was a person.
    pub ended_by: Option<Email>,
    pub reason: Option<String>,
}

/// A shorter or later access window than requested, which an approver may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Narrowing {
    /// Maximum duration.
    pub duration_seconds: Option<u32>,
    /// Earliest start.
    pub starts_at: Option<Timestamp>,
}

/// A command to a grant, from a caller or the timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantCommand {
    /// Record what the time has changed.
    Tick,
    /// Revoke it. The caller's permission is checked before.
    Revoke {
        /// The person, if the caller acts for one.
        by: Option<Email>,
        reason: Option<String>,
    },
}

/// One change of a grant, with the grant after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantStep {
    Started(Grant),
    /// Its end has passed.
    Ended(Grant),
    Revoked(Grant),
}

impl GrantStep {
    /// The grant after this step.
    pub const fn grant(&self) -> &Grant {
        match self {
            Self::Started(grant) | Self::Ended(grant) | Self::Revoked(grant) => grant,
        }
    }
}

/// The effect of a command, and the answer to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantVerdict {
    /// What to write and announce, in order. If the timer is late, the start is still announced before the end.
    pub steps: Vec<GrantStep>,
    pub answer: Result<(), GrantRefusal>,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// It has ended already.
    #[error("this grant has already ended")]
    Ended,
}

impl Grant {
    /// Creates the grant of an approval at `now`. It lasts as long as requested, or the shortest time that any
    /// approver allows, and begins at the latest start that any of them set. It is scheduled at first, even if it
    /// starts at once: [`GrantCommand::Tick`] activates it, so that every start is announced in the same way.
    pub fn new(
        id: GrantId,
        request: RequestId,
        resource: ResourceName,
        requester: Email,
        duration_seconds: u32,
        narrowings: &[Narrowing],
        now: Timestamp,
    ) -> Self {
        let seconds =
            narrowings.iter().filter_map(|narrowing| narrowing.duration_seconds).fold(duration_seconds, u32::min);
        let starts_at = narrowings.iter().filter_map(|narrowing| narrowing.starts_at).fold(now, Timestamp::max);
        Self {
            id,
            request,
            resource,
            requester,
            status: GrantStatus::Scheduled,
            starts_at,
            ends_at: starts_at + Duration::from_secs(seconds.into()),
            ended_at: None,
            ended_by: None,
            reason: None,
        }
    }

    /// Whether it allows access at that time, however late the timer is.
    pub fn allows(&self, now: Timestamp) -> bool {
        let over = matches!(self.status, GrantStatus::Ended | GrantStatus::Revoked);
        !over && self.starts_at <= now && now < self.ends_at
    }

    /// Returns when [`GrantCommand::Tick`] is due; `None` once the grant is final.
    pub const fn due(&self) -> Option<Timestamp> {
        match self.status {
            GrantStatus::Scheduled => Some(self.starts_at),
            GrantStatus::Active => Some(self.ends_at),
            GrantStatus::Ended | GrantStatus::Revoked => None,
        }
    }

    /// The next change that is due by time alone.
    fn next_step(&self, now: Timestamp) -> Option<GrantStep> {
        let due = self.due().filter(|due| now >= *due)?;
        Some(match self.status {
            GrantStatus::Scheduled => GrantStep::Started(Self { status: GrantStatus::Active, ..self.clone() }),
            _ => GrantStep::Ended(Self { status: GrantStatus::Ended, ended_at: Some(due), ..self.clone() }),
        })
    }
}

/// Decides what `command` does to `grant`. `now` must be read in the transaction in which `grant` was read.
pub fn use_grant(grant: &Grant, command: GrantCommand, now: Timestamp) -> GrantVerdict {
    let mut steps: Vec<GrantStep> =
        std::iter::successors(grant.next_step(now), |step| step.grant().next_step(now)).collect();
    let current = steps.last().map_or(grant, GrantStep::grant);
    let answer = match (command, current.status) {
        (GrantCommand::Tick, _) | (GrantCommand::Revoke { .. }, GrantStatus::Revoked) => Ok(()),
        (GrantCommand::Revoke { .. }, GrantStatus::Ended) => Err(GrantRefusal::Ended),
        (GrantCommand::Revoke { by, reason }, GrantStatus::Scheduled | GrantStatus::Active) => {
            let revoked =
                Grant { status: GrantStatus::Revoked, ended_at: Some(now), ended_by: by, reason, ..current.clone() };
            steps.push(GrantStep::Revoked(revoked));
            Ok(())
        }
    };
    GrantVerdict { steps, answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn grant(duration_seconds: u32, narrowings: &[Narrowing]) -> Grant {
        let resource = "orders".parse().expect("a name");
        let requester = "nora@example.com".parse().expect("an address");
        let (id, request) = (GrantId::mint(at(0)), RequestId::mint(at(0)));
        Grant::new(id, request, resource, requester, duration_seconds, narrowings, at(1_000))
    }

    fn revoke() -> GrantCommand {
        GrantCommand::Revoke { by: "dana@example.com".parse().ok(), reason: Some("no".to_owned()) }
    }

    fn statuses(verdict: &GrantVerdict) -> Vec<GrantStatus> {
        verdict.steps.iter().map(|step| step.grant().status).collect()
    }

    #[test]
    fn approvers_only_ever_narrow() {
        let narrow =
            |duration_seconds, starts_at: Option<i64>| Narrowing { duration_seconds, starts_at: starts_at.map(at) };
        for (narrowings, starts, ends) in [
            (vec![], 1_000, 1_600),
            (vec![narrow(Some(9_999), Some(5))], 1_000, 1_600),
            (vec![narrow(Some(60), None), narrow(Some(30), Some(2_000)), narrow(None, Some(1_500))], 2_000, 2_030),
        ] {
            let grant = grant(600, &narrowings);
            assert_eq!((grant.starts_at, grant.ends_at), (at(starts), at(ends)));
        }
    }

    #[test]
    fn access_depends_on_the_time_alone() {
        let mut grant = grant(600, &[]);
        for status in [GrantStatus::Scheduled, GrantStatus::Active] {
            grant.status = status;
            let allowed = [999, 1_000, 1_599, 1_600].map(|second| grant.allows(at(second)));
            assert_eq!(allowed, [false, true, true, false], "{status:?}");
        }
        for status in [GrantStatus::Ended, GrantStatus::Revoked] {
            grant.status = status;
            assert!(!grant.allows(at(1_000)), "{status:?}");
        }
    }

    #[test]
    fn a_late_timer_announces_the_start_before_the_end() {
        let grant = grant(600, &[]);
        assert_eq!(grant.due(), Some(at(1_000)));
        assert_eq!(use_grant(&grant, GrantCommand::Tick, at(999)).steps, []);
        let late = use_grant(&grant, GrantCommand::Tick, at(9_000));
        let [GrantStep::Started(started), GrantStep::Ended(ended)] = late.steps.as_slice() else { panic!("{late:?}") };
        assert_eq!((started.status, started.ended_at, started.due()), (GrantStatus::Active, None, Some(at(1_600))));
        assert_eq!((ended.status, ended.ended_at, ended.due()), (GrantStatus::Ended, Some(at(1_600)), None));
        assert_eq!(use_grant(started, GrantCommand::Tick, at(1_599)).steps, []);
        assert_eq!(use_grant(ended, GrantCommand::Tick, at(9_001)).steps, []);
    }

    #[test]
    fn a_grant_is_revoked_permanently() {
        let grant = grant(600, &[]);
        assert_eq!(statuses(&use_grant(&grant, revoke(), at(999))), [GrantStatus::Revoked]);
        let verdict = use_grant(&grant, revoke(), at(1_599));
        assert_eq!((statuses(&verdict), verdict.answer), (vec![GrantStatus::Active, GrantStatus::Revoked], Ok(())));
        let revoked = verdict.steps.last().expect("a step").grant();
        assert_eq!((revoked.ended_at, revoked.reason.as_deref()), (Some(at(1_599)), Some("no")));
        assert_eq!(revoked.due(), None);
        for command in [revoke(), GrantCommand::Tick] {
            assert_eq!(use_grant(revoked, command, at(9_000)), GrantVerdict { steps: Vec::new(), answer: Ok(()) });
        }
    }

    #[test]
    fn an_ended_grant_cannot_be_revoked() {
        let verdict = use_grant(&grant(600, &[]), revoke(), at(1_600));
        assert_eq!(statuses(&verdict), [GrantStatus::Active, GrantStatus::Ended]);
        assert_eq!(verdict.answer, Err(GrantRefusal::Ended));
        let ended = verdict.steps.last().expect("a step").grant();
        assert_eq!(use_grant(ended, revoke(), at(1_601)).answer, Err(GrantRefusal::Ended));
    }
}
