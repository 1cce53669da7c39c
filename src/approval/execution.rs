//! What becomes of an approved action: one claim by whoever runs it, and how the run ended.
//!
//! The second axis of a request's state. A claim is given out once. When its lease runs out without a report, nobody knows
//! whether the command ran: that is `unknown`, which is final, since to run it again might do it twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Digest, Email};
use crate::time::Timestamp;

/// Where an execution stands. All but ready and claimed are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionStatus {
    /// May be claimed.
    Ready,
    /// Somebody is running it.
    Claimed,
    /// It ran, and its executor says that it worked.
    Succeeded,
    /// It ran, and its executor says that it did not work.
    Failed,
    /// Its executor was not heard of again.
    Unknown,
    /// Nobody claimed it in time.
    Lapsed,
    /// Taken back before anybody claimed it.
    Revoked,
}

impl ExecutionStatus {
    /// As written on the wire.
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

    /// Whether nothing can follow.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Ready | Self::Claimed)
    }
}

/// The execution of one approved request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Execution {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Of the payload that was approved: the only one that may run.
    pub digest: Digest,
    /// From this moment on it is too late to claim it.
    pub use_by: Timestamp,
    /// Fencing token of the claim: a number that nobody but the claimant was given; 0 before there is a claim.
    pub fence: u64,
    /// How long a claim or heartbeat holds.
    pub lease_seconds: u32,
    /// From this moment on the claimant counts as lost.
    pub lease_expires_at: Option<Timestamp>,
    /// When it was claimed.
    pub claimed_at: Option<Timestamp>,
    /// The principal that claimed it.
    pub claimed_by: Option<String>,
    /// The claimant's own name for that claim.
    pub claim_key: Option<String>,
    /// When it became final: by its deadlines, the moment that they name.
    pub finished_at: Option<Timestamp>,
    /// What the command answered.
    pub exit_code: Option<i32>,
    /// What it wrote.
    pub output: Option<String>,
    /// Whether that is a part only.
    pub output_truncated: bool,
    /// Of all it wrote.
    pub output_digest: Option<Digest>,
    /// Why it was revoked.
    pub reason: Option<String>,
    /// Who revoked it, when it was a person.
    pub revoked_by: Option<Email>,
}

/// What an executor says of its run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Report {
    /// Whether it worked.
    pub status: ReportStatus,
    /// What the command answered.
    pub exit_code: Option<i32>,
    /// What it wrote.
    pub output: Option<String>,
    /// Whether that is a part only.
    pub output_truncated: bool,
    /// Of all it wrote.
    pub output_digest: Option<Digest>,
}

/// Whether a run worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportStatus {
    /// It did.
    Succeeded,
    /// It did not.
    Failed,
}

/// What somebody, or the timer, wants of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Use {
    /// Run it.
    Claim {
        /// Of the payload that the executor means to run.
        digest: Digest,
        /// The principal that asks.
        by: String,
        /// Its own name for this claim: asking again with it gives the same answer, should the first have been lost.
        key: Option<String>,
        /// Fencing token of the claim, should it be given out: a number that nobody can guess, and not 0.
        fence: u64,
        /// How long to wait for a sign of life.
        lease_seconds: u32,
    },
    /// Still running.
    Heartbeat {
        /// Of the claim.
        fence: u64,
        /// The principal that says so.
        by: String,
    },
    /// Done.
    Report {
        /// Of the claim.
        fence: u64,
        /// The principal that says so.
        by: String,
        /// How it went.
        report: Report,
    },
    /// Take it back. Whether the caller may is for the caller's side to know.
    Revoke {
        /// The person, when it is one.
        by: Option<Email>,
        /// Why.
        reason: Option<String>,
    },
    /// End it if its time is over.
    Tick,
}

/// What a command does to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseChange {
    /// Nothing.
    None,
    /// It is this from now on.
    Becomes(Box<Execution>),
}

/// What happens, and what the caller is told. Whoever comes too late is refused, *and* the execution ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseVerdict {
    /// What to write down.
    pub change: UseChange,
    /// What to answer.
    pub answer: Result<(), UseRefusal>,
}

/// Why a command is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UseRefusal {
    /// Something else was approved.
    #[error("the digest does not match what was approved: read the request again before you run it")]
    Digest,
    /// Nobody claimed it in time.
    #[error("this approval was not used in time: ask again")]
    Lapsed,
    /// It was taken back.
    #[error("this approval was revoked before it was used")]
    Revoked,
    /// It is given out once.
    #[error("this execution was claimed before, and it is given out once")]
    AlreadyClaimed,
    /// Somebody else's claim, whatever fence is shown.
    #[error("only the token that claimed this execution reports on it")]
    NotClaimant,
    /// Not the fence of the claim.
    #[error("the fence is not that of this request's claim")]
    StaleFence,
    /// The claimant was given up.
    #[error("the lease ran out before this report: the outcome stays unknown")]
    LeaseOver,
    /// How it ended is settled.
    #[error("this execution has ended")]
    AlreadyFinished,
}

/// Decides what `command` does to `execution` at `now`, which must have been read while nobody else could change it.
pub fn use_execution(execution: &Execution, command: Use, now: Timestamp) -> UseVerdict {
    // First what time has done to it, so that the answer never depends on whether the timer came by.
    let overtaken = execution.overtaken(now);
    let current = overtaken.as_ref().unwrap_or(execution);
    let judged = match command {
        Use::Claim { digest, by, key, fence, lease_seconds } => {
            let claim = Claim { by, key, fence, lease_seconds };
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
    let change = next.or(overtaken).map_or(UseChange::None, |next| UseChange::Becomes(Box::new(next)));
    UseVerdict { change, answer }
}

/// A claim as it would be.
struct Claim {
    by: String,
    key: Option<String>,
    fence: u64,
    lease_seconds: u32,
}

/// The next state, or none when the command is a repeat of one that was carried out.
type Judged = Result<Option<Execution>, UseRefusal>;

impl Execution {
    /// The execution of what was just approved.
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

    /// When [`Use::Tick`] has to look at it; never once it is final.
    pub const fn due(&self) -> Option<Timestamp> {
        match self.status {
            ExecutionStatus::Ready => Some(self.use_by),
            ExecutionStatus::Claimed => self.lease_expires_at,
            _ => None,
        }
    }

    /// What time alone has made of it. Half-open: at the deadline it is too late.
    fn overtaken(&self, now: Timestamp) -> Option<Self> {
        let due = self.due().filter(|due| now >= *due)?;
        let status = match self.status {
            ExecutionStatus::Claimed => ExecutionStatus::Unknown,
            _ => ExecutionStatus::Lapsed,
        };
        Some(Self { status, finished_at: Some(due), ..self.clone() })
    }

    fn claim(&self, digest: Digest, claim: Claim, now: Timestamp) -> Judged {
        let Claim { by, key, fence, lease_seconds } = claim;
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

    /// Whether somebody asks again for the claim that is theirs. Without a key it cannot be told from a second run.
    fn is_claim_of(&self, by: &str, key: Option<&str>) -> bool {
        key.is_some() && self.claim_key.as_deref() == key && self.claimed_by.as_deref() == Some(by)
    }

    fn heartbeat(&self, fence: u64, by: &str, now: Timestamp) -> Judged {
        self.check_claimant(fence, by)?;
        match self.status {
            ExecutionStatus::Claimed => {
                // Never shorter: a late heartbeat may have been overtaken by a later one. But a lease that ends later than two in a
                // row was given before the clock was put back.
                let (end, longest) =
                    (lease_end(now, self.lease_seconds), lease_end(now, self.lease_seconds.saturating_mul(2)));
                let end = Some(end).max(self.lease_expires_at.filter(|known| *known <= longest));
                Ok((end != self.lease_expires_at).then(|| Self { lease_expires_at: end, ..self.clone() }))
            }
            ExecutionStatus::Unknown => Err(UseRefusal::LeaseOver),
            _ => Err(UseRefusal::AlreadyFinished),
        }
    }

    fn report(&self, fence: u64, by: &str, report: Report, now: Timestamp) -> Judged {
        self.check_claimant(fence, by)?;
        match self.status {
            ExecutionStatus::Claimed => Ok(Some(Self {
                status: report.status.into(),
                // Not before it was claimed, though the clock may have been put back meanwhile.
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

    fn ended_by(&self, report: &Report) -> bool {
        self.status == report.status.into()
            && self.exit_code == report.exit_code
            && self.output == report.output
            && self.output_truncated == report.output_truncated
            && self.output_digest == report.output_digest
    }

    /// Whether it is the claimant who speaks of this claim. Nobody was ever given 0.
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
