//! The execution of an approved action: one claim, heartbeats while it runs, and one report of the result.
//!
//! This is a second state machine beside the request's status. An execution can be claimed once; the claim has a lease
//! and a fencing token. If the lease expires without a report, nobody knows whether the command ran. That state is
//! `unknown`, and it is final, since running the command again might do its work twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Digest, Email};
use crate::time::Timestamp;

/// The state of an execution. All but ready and claimed are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionStatus {
    /// May be claimed.
    Ready,
    /// An executor is running it.
    Claimed,
    /// It ran, and its executor reports success.
    Succeeded,
    /// It ran, and its executor reports a failure.
    Failed,
    /// The lease expired without a report.
    Unknown,
    /// It was not claimed in time.
    Lapsed,
    /// Revoked before it was claimed.
    Revoked,
}

impl ExecutionStatus {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Claimed => "claimed",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Lapsed => "lapsed",
            Self::Revoked => "revoked",
        }
    }

    /// Whether the status can no longer change.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Ready | Self::Claimed)
    }
}

/// The execution of one approved request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Execution {
    pub status: ExecutionStatus,
    /// Digest of the approved payload: the only one that may run.
    pub digest: Digest,
    /// Too late to claim from this time on.
    pub use_by: Timestamp,
    /// Fencing token of the claim, known only to the claimant; 0 before there is a claim.
    pub fence: u64,
    /// Length of the lease that a claim or heartbeat gives.
    pub lease_seconds: u32,
    /// The claimant counts as lost from this time on.
    pub lease_expires_at: Option<Timestamp>,
    pub claimed_at: Option<Timestamp>,
    /// Key of the principal that claimed it.
    pub claimed_by: Option<String>,
    /// The claimant's idempotency key for that claim.
    pub claim_key: Option<String>,
    /// When it became final. If a deadline ended it: that deadline.
    pub finished_at: Option<Timestamp>,
    pub exit_code: Option<i32>,
    pub output: Option<String>,
    /// Whether `output` is only a part.
    pub output_truncated: bool,
    /// Digest of the whole output.
    pub output_digest: Option<Digest>,
    pub reason: Option<String>,
    /// Who revoked it, if it was a person.
    pub revoked_by: Option<Email>,
}

/// An executor's report of its run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecutionReport {
    pub status: ReportStatus,
    pub exit_code: Option<i32>,
    pub output: Option<String>,
    /// Whether `output` is only a part.
    pub output_truncated: bool,
    /// Digest of the whole output.
    pub output_digest: Option<Digest>,
}

/// Whether a run succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportStatus {
    Succeeded,
    Failed,
}

/// A command to an execution, from a caller or the timer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Use {
    /// Claim it, in order to run it.
    Claim {
        /// Digest of the payload that the executor is going to run.
        digest: Digest,
        /// Key of the calling principal.
        by: String,
        /// Idempotency key of this claim: repeating the call with it returns the same claim, in case the first answer
        /// was lost.
        key: Option<String>,
        /// Fencing token for the claim, if it succeeds: a number that cannot be guessed, and not 0.
        fence: u64,
        /// Time until the claimant counts as lost, unless it sends a heartbeat.
        lease_seconds: u32,
    },
    /// Extend the lease: the command is still running.
    Heartbeat {
        /// Fencing token of the claim.
        fence: u64,
        /// Key of the calling principal.
        by: String,
    },
    /// Report the result.
    Report {
        /// Fencing token of the claim.
        fence: u64,
        /// Key of the calling principal.
        by: String,
        report: ExecutionReport,
    },
    /// Revoke it. The caller's permission is checked before.
    Revoke {
        /// The person, if the caller acts for one.
        by: Option<Email>,
        reason: Option<String>,
    },
    /// End it if its deadline has passed.
    Tick,
}

/// The effect of a command on an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseChange {
    None,
    /// The execution's new state.
    Becomes(Box<Execution>),
}

/// The effect of a command, and the answer to the caller. A call that comes too late is refused *and* ends the
/// execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseVerdict {
    /// What to write.
    pub change: UseChange,
    pub answer: Result<(), UseRefusal>,
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UseRefusal {
    /// Another payload was approved.
    #[error("the digest does not match what was approved: read the request again before you run it")]
    Digest,
    /// It was not claimed in time.
    #[error("this approval was not used in time: ask again")]
    Lapsed,
    /// It was revoked.
    #[error("this approval was revoked before it was used")]
    Revoked,
    /// An execution can be claimed only once.
    #[error("this execution has already been claimed: it can be claimed only once")]
    AlreadyClaimed,
    /// Another principal's claim, whatever fencing token the call has.
    #[error("only the token that claimed this execution may report on it")]
    NotClaimant,
    /// Not the fencing token of the claim.
    #[error("the fence does not match this request's claim")]
    StaleFence,
    /// The lease expired.
    #[error("the lease expired before this report: the outcome stays unknown")]
    LeaseOver,
    /// It has ended already.
    #[error("this execution has already ended")]
    AlreadyFinished,
}

/// Decides what `command` does to `execution`. `now` must be read in the transaction in which `execution` was read.
pub fn use_execution(execution: &Execution, command: Use, now: Timestamp) -> UseVerdict {
    // Apply the deadlines first, so that the answer never depends on whether the timer was on time.
    let expired = execution.after_deadline(now);
    let current = expired.as_ref().unwrap_or(execution);
    let judged = match command {
        Use::Claim { digest, by, key, fence, lease_seconds } => {
            let claim = NewClaim { by, key, fence, lease_seconds };
            current.claim(digest, claim, now)
        }
        Use::Heartbeat { fence, by } => current.heartbeat(fence, &by, now),
        Use::Report { fence, by, report } => current.report(fence, &by, report, now),
        Use::Revoke { by, reason } => current.revoke(by, reason, now),
        Use::Tick => Ok(None),
    };
    let (next, answer) = match judged {
        Ok(next) => (next, Ok(())),
        Err(refusal) => (None, Err(refusal)),
    };
    let change = next.or(expired).map_or(UseChange::None, |next| UseChange::Becomes(Box::new(next)));
    UseVerdict { change, answer }
}

/// A claim that has not been granted yet.
struct NewClaim {
    by: String,
    key: Option<String>,
    fence: u64,
    lease_seconds: u32,
}

/// The next state, or `None` when the command repeats one that was carried out.
type Judged = Result<Option<Execution>, UseRefusal>;

impl Execution {
    /// Returns the execution of a request that was just approved.
    pub const fn new(digest: Digest, use_by: Timestamp) -> Self {
        Self {
            status: ExecutionStatus::Ready,
            digest,
            use_by,
            fence: 0,
            lease_seconds: 0,
            lease_expires_at: None,
            claimed_at: None,
            claimed_by: None,
            claim_key: None,
            finished_at: None,
            exit_code: None,
            output: None,
            output_truncated: false,
            output_digest: None,
            reason: None,
            revoked_by: None,
        }
    }

    /// Returns when [`Use::Tick`] is due; `None` once the execution is final.
    pub const fn due(&self) -> Option<Timestamp> {
        match self.status {
            ExecutionStatus::Ready => Some(self.use_by),
            ExecutionStatus::Claimed => self.lease_expires_at,
            _ => None,
        }
    }

    /// The execution after its deadline, if that has passed. At the deadline it is too late.
    fn after_deadline(&self, now: Timestamp) -> Option<Self> {
        let due = self.due().filter(|due| now >= *due)?;
        let status = match self.status {
            ExecutionStatus::Claimed => ExecutionStatus::Unknown,
            _ => ExecutionStatus::Lapsed,
        };
        Some(Self { status, finished_at: Some(due), ..self.clone() })
    }

    fn claim(&self, digest: Digest, claim: NewClaim, now: Timestamp) -> Judged {
        let NewClaim { by, key, fence, lease_seconds } = claim;
        match self.status {
            ExecutionStatus::Lapsed => return Err(UseRefusal::Lapsed),
            ExecutionStatus::Revoked => return Err(UseRefusal::Revoked),
            ExecutionStatus::Claimed if !self.is_claim_of(&by, key.as_deref()) => {
                return Err(UseRefusal::AlreadyClaimed);
            }
            ExecutionStatus::Succeeded | ExecutionStatus::Failed | ExecutionStatus::Unknown => {
                return Err(UseRefusal::AlreadyClaimed);
            }
            ExecutionStatus::Ready | ExecutionStatus::Claimed => {}
        }
        if digest != self.digest {
            return Err(UseRefusal::Digest);
        }
        Ok((self.status == ExecutionStatus::Ready).then(|| Self {
            status: ExecutionStatus::Claimed,
            fence,
            lease_seconds,
            lease_expires_at: Some(lease_end(now, lease_seconds)),
            claimed_at: Some(now),
            claimed_by: Some(by),
            claim_key: key,
            ..self.clone()
        }))
    }

    /// Whether the call repeats the current claim. Without a key, a repeat cannot be distinguished from a second run.
    fn is_claim_of(&self, by: &str, key: Option<&str>) -> bool {
        key.is_some() && self.claim_key.as_deref() == key && self.claimed_by.as_deref() == Some(by)
    }

    fn heartbeat(&self, fence: u64, by: &str, now: Timestamp) -> Judged {
        self.check_claimant(fence, by)?;
        match self.status {
            ExecutionStatus::Claimed => {
                // A heartbeat never shortens the lease: a later one may have arrived first. But a lease that ends
                // later than two in a row was given before the clock was set back.
                let (end, longest) =
                    (lease_end(now, self.lease_seconds), lease_end(now, self.lease_seconds.saturating_mul(2)));
                let end = Some(end).max(self.lease_expires_at.filter(|known| *known <= longest));
                Ok((end != self.lease_expires_at).then(|| Self { lease_expires_at: end, ..self.clone() }))
            }
            ExecutionStatus::Unknown => Err(UseRefusal::LeaseOver),
            _ => Err(UseRefusal::AlreadyFinished),
        }
    }

    fn report(&self, fence: u64, by: &str, report: ExecutionReport, now: Timestamp) -> Judged {
        self.check_claimant(fence, by)?;
        match self.status {
            ExecutionStatus::Claimed => Ok(Some(Self {
                status: report.status.into(),
                // Not before the claim, even if the clock was set back since.
                finished_at: Some(now).max(self.claimed_at),
                exit_code: report.exit_code,
                output: report.output,
                output_truncated: report.output_truncated,
                output_digest: report.output_digest,
                ..self.clone()
            })),
            ExecutionStatus::Unknown => Err(UseRefusal::LeaseOver),
            _ if self.ended_by(&report) => Ok(None),
            _ => Err(UseRefusal::AlreadyFinished),
        }
    }

    fn ended_by(&self, report: &ExecutionReport) -> bool {
        self.status == report.status.into()
            && self.exit_code == report.exit_code
            && self.output == report.output
            && self.output_truncated == report.output_truncated
            && self.output_digest == report.output_digest
    }

    /// Checks that the caller has the claim and its fencing token. No claim ever has the token 0.
    fn check_claimant(&self, fence: u64, by: &str) -> Result<(), UseRefusal> {
        match self.claimed_by.as_deref() {
            Some(claimant) if claimant != by => Err(UseRefusal::NotClaimant),
            _ if fence == 0 || fence != self.fence => Err(UseRefusal::StaleFence),
            _ => Ok(()),
        }
    }

    fn revoke(&self, by: Option<Email>, reason: Option<String>, now: Timestamp) -> Judged {
        match self.status {
            ExecutionStatus::Ready => Ok(Some(Self {
                status: ExecutionStatus::Revoked,
                finished_at: Some(now),
                reason,
                revoked_by: by,
                ..self.clone()
            })),
            ExecutionStatus::Revoked => Ok(None),
            ExecutionStatus::Claimed => Err(UseRefusal::AlreadyClaimed),
            ExecutionStatus::Lapsed => Err(UseRefusal::Lapsed),
            ExecutionStatus::Succeeded | ExecutionStatus::Failed | ExecutionStatus::Unknown => {
                Err(UseRefusal::AlreadyFinished)
            }
        }
    }
}

fn lease_end(now: Timestamp, lease_seconds: u32) -> Timestamp {
    now + Duration::from_secs(lease_seconds.into())
}

impl From<ReportStatus> for ExecutionStatus {
    fn from(status: ReportStatus) -> Self {
        match status {
            ReportStatus::Succeeded => Self::Succeeded,
            ReportStatus::Failed => Self::Failed,
        }
    }
}
