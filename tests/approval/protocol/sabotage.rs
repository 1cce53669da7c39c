//! Disables one guard of the core at a time by feeding it false input. The property behind each guard must detect it.

use countersign::approval::{Command, Execution, ExecutionStatus, Request, Status, Use};

use super::super::email;
use super::state::Property;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// The core sees an ended request as pending.
    DecideAgain,
    /// The core sees every vote as in time.
    VoteLate,
    /// The core sees the requester as another person.
    VoteOnTheirOwn,
    /// The vote does not name the revision and digest that it is for.
    VoteBlindly,
    /// The change does not name the revision that it changes.
    ChangeBlindly,
    /// The core sees votes on an earlier revision as votes on the current one.
    KeepOldVotes,
    /// The core sees an execution that ended as unknown as ready.
    ReviveUnknown,
    /// The core sees a revoked execution as ready.
    ClaimRevoked,
    /// The core sees every claim as in time.
    ClaimLate,
    /// The core sees a claimed execution as ready.
    ClaimTwice,
    /// The core sees anyone with the idempotency key as the claimant.
    BelieveTheKey,
    /// A revoke sees a claimed execution as ready.
    RevokeClaimed,
    /// The claim does not name the digest that it is for.
    ClaimBlindly,
    /// The core sees every fencing token as the right one.
    AnyFence,
    /// The core sees every executor as the claimant.
    AnyReporter,
    /// The core sees every report as in time.
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
