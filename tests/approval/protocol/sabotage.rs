//! Ways to take one guard out of the core from outside, by lying to it. Each must be found by the property that guards against it.

use countersign::approval::{Command, Execution, ExecutionStatus, Request, Status, Use};

use super::super::email;
use super::state::Property;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// An ended request is taken for one that waits.
    DecideAgain,
    /// A vote comes in time always.
    VoteLate,
    /// The requester is taken for somebody else.
    VoteOnTheirOwn,
    /// A vote does not say what it is for.
    VoteBlindly,
    /// A change does not say what it is a change of.
    ChangeBlindly,
    /// Votes on an earlier revision are taken for votes on this one.
    KeepOldVotes,
    /// An execution that ended as unknown is taken for ready.
    ReviveUnknown,
    /// A revoked execution is taken for ready.
    ClaimRevoked,
    /// A claim comes in time always.
    ClaimLate,
    /// A claimed execution is taken for ready.
    ClaimTwice,
    /// Whoever has the key is taken for who claimed with it.
    BelieveTheKey,
    /// A claimed execution is taken for ready by a revoke.
    RevokeClaimed,
    /// A claim does not say what it is for.
    ClaimBlindly,
    /// Every fence is taken for the right one.
    AnyFence,
    /// Every executor is taken for the one that claimed.
    AnyReporter,
    /// A report comes in time always.
    ReportLate,
}

impl Sabotage {
    pub(super) const ALL: [(Self, Property); 16] = [
        (Self::DecideAgain, Property::DecidedOnce),
        (Self::VoteLate, Property::DecidedInTime),
        (Self::VoteOnTheirOwn, Property::NobodyApprovesTheirOwn),
        (Self::VoteBlindly, Property::ApprovedAsShown),
        (Self::ChangeBlindly, Property::ChangedAsShown),
        (Self::KeepOldVotes, Property::ApprovedAsShown),
        (Self::ReviveUnknown, Property::FinalStaysFinal),
        (Self::ClaimRevoked, Property::FinalStaysFinal),
        (Self::ClaimLate, Property::ClaimedInTime),
        (Self::ClaimTwice, Property::ClaimedByOne),
        (Self::BelieveTheKey, Property::ClaimedByOne),
        (Self::RevokeClaimed, Property::RevokedOrClaimed),
        (Self::ClaimBlindly, Property::RunAsApproved),
        (Self::AnyFence, Property::ReportedByTheHolderInTime),
        (Self::AnyReporter, Property::ReportedByTheHolderInTime),
        (Self::ReportLate, Property::ReportedByTheHolderInTime),
    ];

    pub(super) fn of_decision(self, request: &mut Request, command: &mut Command, now: &mut i64) {
        match (self, command) {
            (Self::DecideAgain, _) => request.status = Status::Pending,
            (Self::VoteLate, Command::Vote(_)) => *now = 0,
            (Self::VoteOnTheirOwn, _) => request.requester.email = Some(email("stranger")),
            (Self::VoteBlindly, Command::Vote(ballot)) => ballot.digest = None,
            (Self::ChangeBlindly, Command::Revise { revision, .. }) => *revision = None,
            (Self::ChangeBlindly, Command::Vote(ballot)) if ballot.proposal.is_some() => {
                (ballot.revision, ballot.digest) = (None, None);
            }
            (Self::KeepOldVotes, _) => {
                let revision = request.revision;
                request.votes.iter_mut().for_each(|vote| (vote.revision, vote.voided) = (revision, false));
            }
            _ => {}
        }
    }

    pub(super) fn of_use(self, execution: &mut Execution, command: &mut Use, now: &mut i64) {
        let is = |status| execution.status == status;
        match (self, command) {
            (Self::ReviveUnknown, _) if is(ExecutionStatus::Unknown) => execution.status = ExecutionStatus::Ready,
            (Self::ClaimRevoked, Use::Claim { .. }) if is(ExecutionStatus::Revoked) => {
                execution.status = ExecutionStatus::Ready;
            }
            (Self::ClaimLate, Use::Claim { .. }) => *now = 0,
            (Self::ClaimTwice, Use::Claim { .. }) | (Self::RevokeClaimed, Use::Revoke { .. })
                if is(ExecutionStatus::Claimed) =>
            {
                execution.status = ExecutionStatus::Ready;
            }
            (Self::BelieveTheKey, Use::Claim { by, .. }) => execution.claimed_by = Some(by.clone()),
            (Self::ClaimBlindly, Use::Claim { digest, .. }) => *digest = execution.digest,
            (Self::AnyFence, Use::Report { fence, .. }) => *fence = execution.fence,
            (Self::AnyReporter, Use::Report { by, .. } | Use::Heartbeat { by, .. }) => {
                execution.claimed_by.iter().for_each(|claimant| by.clone_from(claimant));
            }
            (Self::ReportLate, Use::Report { .. }) => *now = 0,
            _ => {}
        }
    }
}
