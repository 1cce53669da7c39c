//! Why the core does not do what it is told.

use super::{Assurance, Email, RuleName, Status};
use crate::ids::RequestId;

/// Why a command is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It ended otherwise before.
    #[error("this request was already decided: {}", .0.as_str())]
    Decided(Status),
    /// Its time is over.
    #[error("this request expired before anyone decided it")]
    Expired,
    /// Another payload is asked for by now.
    #[error("this request was changed after you saw it: it is at revision {current} now")]
    StaleRevision {
        /// The revision that waits.
        current: u32,
    },
    /// What the voter saw is not what is asked for.
    #[error("the digest does not match what this request asks for: read it again before you decide")]
    StaleDigest,
    /// The hub is not sure enough of who votes.
    #[error("this resource wants voters to be known better than by {}: at least by {}", .given.as_str(), .needed.as_str())]
    AssuranceTooLow {
        /// How sure it is.
        given: Assurance,
        /// How sure it must be.
        needed: Assurance,
    },
    /// Nobody approves their own request, nor one about a resource that lists them.
    #[error(
        "{0} may not approve this request: it is their own, for them, or about a resource that keeps them from deciding; they may \
         reject it"
    )]
    Conflict(Email),
    /// Not in any group that is asked.
    #[error("{0} is in none of the groups that may decide this request, or not in the one named")]
    NotEligible(Email),
    /// The absent member, or another in their place, has voted.
    #[error("{0} has voted already in that member's place: one member has one vote")]
    SeatTaken(Email),
    /// One channel link casts one vote.
    #[error("this link has already cast its vote, by {0}: another person needs a link or token of their own")]
    LinkUsed(Email),
    /// The policy wants to know why.
    #[error("say why: this needs a reason")]
    ReasonRequired,
    /// A changed command meets a rule that denies it.
    #[error("rule {rule} denies the changed command{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    DeniedByRule {
        /// Which.
        rule: RuleName,
        /// Its own words.
        reason: Option<String>,
    },
    /// Nobody could approve the changed command.
    #[error("nobody could fill every slot that the changed command needs")]
    Unsatisfiable,
    /// The change changes nothing.
    #[error("this is what is asked for already: nothing would change")]
    NothingChanged,
    /// Approvers may narrow a window, never widen it.
    #[error("an approver may make the window shorter or later, never longer, and only of access for a time")]
    Widened,
    /// They have used the right too often.
    #[error("{person} has broken the glass {per_day} times in the last 24 hours, which is the most allowed")]
    TooOften {
        /// Who.
        person: Email,
        /// How often is allowed.
        per_day: u32,
    },
    /// Another request took its place.
    #[error("request {0} has taken this one's place already")]
    Replaced(RequestId),
    /// They lack the right.
    #[error("{0} has no right to break the glass here")]
    NoBreakGlass(Email),
}

impl Refusal {
    /// Why nothing happens to a request that has ended.
    pub const fn of_ended(status: Status) -> Self {
        match status {
            Status::Expired => Self::Expired,
            status => Self::Decided(status),
        }
    }
}
