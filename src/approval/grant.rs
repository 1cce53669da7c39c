//! What becomes of approved access: a grant with a start and an end.
//!
//! Whether it allows something is a matter of the time alone. The timer only writes down, and tells, what has come to pass.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Email, ResourceName};
use crate::ids::{GrantId, RequestId};
use crate::time::Timestamp;

/// Where a grant stands, as far as it is written down. Ended and revoked are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantStatus {
    /// Not begun.
    Scheduled,
    /// Begun.
    Active,
    /// Its time was over.
    Ended,
    /// Taken back.
    Revoked,
}

impl GrantStatus {
    /// As written on the wire.
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
    /// Its name.
    pub id: GrantId,
    /// The request that it was approved by.
    pub request: RequestId,
    /// What may be accessed.
    pub resource: ResourceName,
    /// Who may.
    pub requester: Email,
    /// Where it stands.
    pub status: GrantStatus,
    /// From when on.
    pub starts_at: Timestamp,
    /// From this moment on it is over.
    pub ends_at: Timestamp,
    /// When it was over, at its end or before.
    pub ended_at: Option<Timestamp>,
    /// Who revoked it, when it was a person.
    pub ended_by: Option<Email>,
    /// Why it was revoked.
    pub reason: Option<String>,
}

/// Less than was asked for: what an approver allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Narrowing {
    /// At most this long.
    pub duration_seconds: Option<u32>,
    /// Not before this moment.
    pub starts_at: Option<Timestamp>,
}

/// What somebody, or the timer, wants of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantCommand {
    /// Write down what has come to pass.
    Tick,
    /// Take it back. Whether the caller may is for the caller's side to know.
    Revoke {
        /// The person, when it is one.
        by: Option<Email>,
        /// Why.
        reason: Option<String>,
    },
}

/// One thing that happened to a grant, with the grant as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantStep {
    /// It began.
    Started(Grant),
    /// Its time was over.
    Ended(Grant),
    /// It was taken back.
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

/// What happens, and what the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantVerdict {
    /// What to write down and tell, in order: a hub that was down tells of the start before it tells of the end.
    pub steps: Vec<GrantStep>,
    /// What to answer.
    pub answer: Result<(), GrantRefusal>,
}

/// Why a command is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// There is nothing left to take back.
    #[error("this grant has ended")]
    Ended,
}

impl Grant {
    /// The grant of what was approved at `now`: as long as was asked for, or the shortest that any approver allows, from the
    /// latest start that any of them named. It begins as scheduled, also when it starts at once: [`GrantCommand::Tick`] makes
    /// it active, so that every start is told of in the same way.
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

    /// Whether it allows access at that moment, however late the timer is.
    pub fn allows(&self, now: Timestamp) -> bool {
        let over = matches!(self.status, GrantStatus::Ended | GrantStatus::Revoked);
        !over && self.starts_at <= now && now < self.ends_at
    }

    /// When [`GrantCommand::Tick`] has to look at it; never once it is over.
    pub const fn due(&self) -> Option<Timestamp> {
        match self.status {
            GrantStatus::Scheduled => Some(self.starts_at),
            GrantStatus::Active => Some(self.ends_at),
            GrantStatus::Ended | GrantStatus::Revoked => None,
        }
    }

    /// What time alone makes of it next.
    fn passed(&self, now: Timestamp) -> Option<GrantStep> {
        let due = self.due().filter(|due| now >= *due)?;
        Some(match self.status {
            GrantStatus::Scheduled => GrantStep::Started(Self { status: GrantStatus::Active, ..self.clone() }),
            _ => GrantStep::Ended(Self { status: GrantStatus::Ended, ended_at: Some(due), ..self.clone() }),
        })
    }
}

/// Decides what `command` does to `grant` at `now`, which must have been read while nobody else could change it.
pub fn use_grant(grant: &Grant, command: GrantCommand, now: Timestamp) -> GrantVerdict {
    let mut steps: Vec<GrantStep> = std::iter::successors(grant.passed(now), |step| step.grant().passed(now)).collect();
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
    fn allows_by_the_time_alone() {
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
    fn a_hub_that_was_down_tells_of_the_start_before_the_end() {
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
    fn revoked_once_and_for_ever() {
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
    fn what_has_ended_cannot_be_revoked() {
        let verdict = use_grant(&grant(600, &[]), revoke(), at(1_600));
        assert_eq!(statuses(&verdict), [GrantStatus::Active, GrantStatus::Ended]);
        assert_eq!(verdict.answer, Err(GrantRefusal::Ended));
        let ended = verdict.steps.last().expect("a step").grant();
        assert_eq!(use_grant(ended, revoke(), at(1_601)).answer, Err(GrantRefusal::Ended));
    }
}
