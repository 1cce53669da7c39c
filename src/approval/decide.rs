//! The one door through which a request's status changes.

use super::request::is_blank;
use super::{Ballot, Choice, Decision, Digest, Email, GroupName, Method, Request, Roster, Status, Vote, cover};
use crate::ids::VoteId;
use crate::time::Timestamp;

/// What somebody, or the timer, wants of a request.
#[derive(Debug, Clone)]
pub enum Command {
    /// Approve or reject it.
    Vote(Ballot),
    /// End it if its time is over.
    Expire,
    /// Take it back. Whether the caller may is for the caller's side to know.
    Cancel {
        /// The person, when it is one.
        by: Option<Email>,
        /// Why.
        reason: Option<String>,
    },
}

/// What a command does to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// Nothing.
    None,
    /// A vote is added, and the request waits on.
    Voted {
        /// The vote.
        vote: Vote,
    },
    /// The request ends.
    Ended {
        /// The vote that ended it, when it was one.
        vote: Option<Vote>,
        /// Earlier votes that this one takes back.
        voids: Vec<VoteId>,
        /// How it ended.
        decision: Decision,
    },
}

/// What happens, and what the caller is told. A vote that comes too late is refused *and* ends the request as expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What to write down.
    pub transition: Transition,
    /// What to answer.
    pub answer: Result<(), Refusal>,
}

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
    /// Nobody decides their own request.
    #[error("{0} made this request, and nobody decides their own request")]
    Conflict(Email),
    /// Not in any group that is asked.
    #[error("{0} is in none of the groups that may decide this request, or not in the one named")]
    NotEligible(Email),
    /// One channel link casts one vote.
    #[error("this link has already cast its vote, by {0}: another person needs a link or token of their own")]
    LinkUsed(Email),
    /// The policy wants to know why.
    #[error("this resource wants a reason with every rejection: say why")]
    ReasonRequired,
}

/// Decides what `command` does to `request`, given who is in the groups asked and what time it is.
///
/// `roster` must hold the memberships of the voter and of everybody who has a vote on the request, in the request's groups;
/// `now` must have been read while nobody else could change the request.
pub fn decide(request: &Request, command: Command, roster: &Roster, now: Timestamp) -> Verdict {
    match command {
        Command::Vote(ballot) => match judge(request, &ballot, roster, now) {
            Ok(None) => Verdict::nothing(Ok(())),
            Ok(Some(transition)) => Verdict { transition, answer: Ok(()) },
            Err(Refusal::Expired) if request.is_overdue(now) => {
                Verdict { transition: expiry(), answer: Err(Refusal::Expired) }
            }
            Err(refusal) => Verdict::nothing(Err(refusal)),
        },
        Command::Expire if request.is_overdue(now) => Verdict { transition: expiry(), answer: Ok(()) },
        Command::Expire => Verdict::nothing(Ok(())),
        Command::Cancel { by, reason } => cancel(request, by, reason, now),
    }
}

impl Verdict {
    const fn nothing(answer: Result<(), Refusal>) -> Self {
        Self { transition: Transition::None, answer }
    }
}

/// The checks of one vote, in the order that the answers promise. `None`: the same vote again.
fn judge(request: &Request, ballot: &Ballot, roster: &Roster, now: Timestamp) -> Result<Option<Transition>, Refusal> {
    let earlier = request.live_votes().find(|vote| vote.voter == ballot.voter);
    let repeats = earlier.is_some_and(|vote| vote.choice == ballot.choice);
    match request.status {
        Status::Expired => return Err(Refusal::Expired),
        status if status != Status::Pending => {
            return if repeats { Ok(None) } else { Err(Refusal::Decided(status)) };
        }
        _ if request.is_overdue(now) => return Err(Refusal::Expired),
        _ => {}
    }
    if ballot.revision.is_some_and(|seen| seen != request.revision) {
        return Err(Refusal::StaleRevision { current: request.revision });
    }
    if ballot.digest.is_some_and(|seen: Digest| seen != request.digest) {
        return Err(Refusal::StaleDigest);
    }
    if request.requester.is(&ballot.voter) {
        return Err(Refusal::Conflict(ballot.voter.clone()));
    }
    let groups = eligible_for(request, ballot, roster);
    if groups.is_empty() {
        return Err(Refusal::NotEligible(ballot.voter.clone()));
    }
    if repeats {
        return Ok(None);
    }
    // An earlier vote of theirs can only be an approval, since a reject would have ended the request: the change of mind is heard.
    let spent = |vote: &&Vote| vote.link.is_some() && vote.link == ballot.link && vote.voter != ballot.voter;
    if let Some(other) = request.live_votes().find(spent) {
        return Err(Refusal::LinkUsed(other.voter.clone()));
    }
    let silent = ballot.reason.as_deref().is_none_or(is_blank);
    if ballot.choice == Choice::Reject && request.terms.reject_reason_required && silent {
        return Err(Refusal::ReasonRequired);
    }
    Ok(Some(apply(request, cast(request, ballot, groups, now), earlier, roster)))
}

/// The slots that the ballot's voter may fill, or the one of them that it names.
fn eligible_for(request: &Request, ballot: &Ballot, roster: &Roster) -> Vec<GroupName> {
    request
        .terms
        .slots()
        .map(|slot| &slot.group)
        .filter(|group| ballot.group.as_ref().is_none_or(|named| named == *group))
        .filter(|group| roster.contains(group, &ballot.voter))
        .cloned()
        .collect()
}

fn apply(request: &Request, vote: Vote, earlier: Option<&Vote>, roster: &Roster) -> Transition {
    match vote.choice {
        Choice::Reject => Transition::Ended {
            voids: earlier.map(|vote| vote.id).into_iter().collect(),
            decision: Decision {
                outcome: Status::Rejected,
                method: Method::Votes,
                reason: vote.reason.clone(),
                by: vec![vote.voter.clone()],
            },
            vote: Some(vote),
        },
        Choice::Approve => {
            let mut approvals = counted(request, roster);
            approvals.push(&vote);
            let filled = cover(request.terms.slots(), &approvals, roster);
            if !request.terms.slots().zip(filled).all(|(slot, filled)| filled >= slot.needed) {
                return Transition::Voted { vote };
            }
            let decision = Decision {
                outcome: Status::Approved,
                method: Method::Votes,
                reason: vote.reason.clone(),
                by: approvals.iter().map(|vote| vote.voter.clone()).collect(),
            };
            Transition::Ended { vote: Some(vote), voids: Vec::new(), decision }
        }
    }
}

/// Approvals whose voters are eligible still: somebody who left the group since no longer counts.
fn counted<'a>(request: &'a Request, roster: &Roster) -> Vec<&'a Vote> {
    request
        .live_votes()
        .filter(|vote| vote.choice == Choice::Approve)
        .filter(|vote| vote.groups.iter().any(|group| roster.contains(group, &vote.voter)))
        .collect()
}

fn cast(request: &Request, ballot: &Ballot, groups: Vec<GroupName>, now: Timestamp) -> Vote {
    Vote {
        id: ballot.id,
        voter: ballot.voter.clone(),
        choice: ballot.choice,
        groups,
        reason: ballot.reason.clone(),
        assurance: ballot.assurance,
        channel: ballot.channel.clone(),
        link: ballot.link.clone(),
        at: now,
        revision: request.revision,
        digest: request.digest,
        voided: false,
    }
}

fn cancel(request: &Request, by: Option<Email>, reason: Option<String>, now: Timestamp) -> Verdict {
    match request.status {
        Status::Cancelled => Verdict::nothing(Ok(())),
        Status::Expired => Verdict::nothing(Err(Refusal::Expired)),
        Status::Approved | Status::Rejected => Verdict::nothing(Err(Refusal::Decided(request.status))),
        Status::Pending if request.is_overdue(now) => Verdict { transition: expiry(), answer: Err(Refusal::Expired) },
        Status::Pending => {
            let decision = Decision {
                outcome: Status::Cancelled,
                method: Method::Cancellation,
                reason,
                by: by.into_iter().collect(),
            };
            Verdict { transition: Transition::Ended { vote: None, voids: Vec::new(), decision }, answer: Ok(()) }
        }
    }
}

fn expiry() -> Transition {
    let decision = Decision { outcome: Status::Expired, method: Method::Timeout, reason: None, by: Vec::new() };
    Transition::Ended { vote: None, voids: Vec::new(), decision }
}
