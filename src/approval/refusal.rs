//! Why the core refuses a command.

use super::{Assurance, Email, RuleName, Status};
use crate::ids::RequestId;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has ended with another outcome.
    #[error("this request was already decided: {}", .0.as_str())]
    Decided(Status),
    /// The deadline has passed.
    #[error("this request expired before anyone decided it")]
    Expired,
    /// The request has another payload now.
    #[error("this request was changed after you saw it: it is now at revision {current}")]
    StaleRevision {
        /// The request's revision.
        current: u32,
    },
    /// The voter saw another payload.
    #[error("the digest does not match this request's payload: read the request again before you decide")]
    StaleDigest,
    /// The voter's assurance is too low.
    #[error(
        "assurance is too low: this resource requires at least {}, and this vote has {}", .needed.as_str(), .given.as_str()
    )]
    AssuranceTooLow { given: Assurance, needed: Assurance },
    /// The voter did not sign in, or too long ago.
    #[error("this resource requires a recent sign-in: sign in again, and then vote")]
    SignInStale,
    /// Nobody may approve their own request, or one about a resource that lists them as conflicted.
    #[error(
        "{0} may not approve this request: it is their own, it is for them, or the resource excludes them; they may reject it"
    )]
    Conflict(Email),
    /// The voter is in no group that may decide.
    #[error("{0} is not in a group that may decide this request, or not in the group that the vote names")]
    NotEligible(Email),
    /// The vote names a member for whom the voter does not stand in.
    #[error("{voter} does not stand in for {absent} now: leave out on_behalf_of to vote as {voter}")]
    NotStandIn { voter: Email, absent: Email },
    /// The person is a member by a sign-in that is too old.
    #[error("{0} is a member by a sign-in that is too old: {0} must sign in again, and then vote")]
    MembershipStale(Email),
    /// The absent member, or another stand-in, has already voted.
    #[error("{0} has already voted for that member: each member has one vote")]
    SeatTaken(Email),
    /// A channel's link can cast one vote.
    #[error("this link was already used for a vote by {0}: each person needs a link or token of their own")]
    LinkUsed(Email),
    /// The policy requires a reason.
    #[error("a reason is required")]
    ReasonRequired,
    /// A rule denies the changed command.
    #[error("rule {rule} denies the changed command{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    DeniedByRule {
        rule: RuleName,
        /// The reason that the rule gives.
        reason: Option<String>,
    },
    /// Too few people could approve the changed command.
    #[error("too few people could approve the changed command: not every slot that it needs could be filled")]
    Unsatisfiable,
    /// The new payload equals the current one.
    #[error("the new payload is the same as the current one: nothing would change")]
    NothingChanged,
    /// Approvers may narrow an access window, never widen it.
    #[error("an approver may only make an access window shorter or start it later, and only for time-limited access")]
    Widened,
    /// The person has reached the daily limit of break-glass.
    #[error("{person} has used break-glass {per_day} times in the last 24 hours, which is the limit")]
    TooOften {
        person: Email,
        /// The limit in 24 hours.
        per_day: u32,
    },
    /// Another request has replaced this one.
    #[error("request {0} has already replaced this one")]
    Replaced(RequestId),
    /// The person has no right to use break-glass.
    #[error("{0} has no right to use break-glass for this resource")]
    NoBreakGlass(Email),
}

impl Refusal {
    /// Returns the refusal of a command to a request that has ended.
    pub const fn of_ended(status: Status) -> Self {
        match status {
            Status::Expired => Self::Expired,
            status => Self::Decided(status),
        }
    }
}
