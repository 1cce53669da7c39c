//! The one door through which a request changes.

use super::ballot::judge;
use super::cover::satisfiable;
use super::payload::is_blank;
use super::revision::{decidable_again, revise, void_all};
use super::schedule::due;
use super::standing::lapsed;
use super::{
    Ballot, Change, ChangeRole, Choice, Decision, Email, Method, Proposal, Refusal, Request, Roster, Status,
    Transition, Verdict, Vote,
};
use crate::ids::RequestId;
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
    /// Let another request take its place. Whether the caller may is for the caller's side to know.
    Supersede {
        /// The person, when it is one.
        by: Option<Email>,
        /// The request that takes its place.
        successor: RequestId,
    },
    /// Ask for something else instead. Whether the caller may is for the caller's side to know.
    Revise {
        /// The person, when it is one.
        by: Option<Email>,
        /// Whether it is the side that asks, or somebody who runs the hub.
        role: ChangeRole,
        /// What is asked for instead.
        proposal: Proposal,
        /// Why.
        reason: Option<String>,
        /// The revision they saw, when they say so.
        revision: Option<u32>,
    },
    /// Go ahead in an emergency.
    BreakGlass {
        /// Who does.
        by: Email,
        /// Why.
        reason: String,
        /// How often they have in the last 24 hours.
        recent: u32,
    },
    /// Look at who is in the groups by now.
    Recheck,
    /// Remind and escalate as far as it is time.
    Advance,
}

/// Decides what `command` does to `request`, given who is in the groups asked and what time it is.
///
/// `roster` must hold the memberships, in the request's groups, of the voter, of whom the voter stands in for, and of everybody
/// whose vote or right to vote is used on the request; for [`Command::Recheck`], [`Command::Revise`] and votes with a proposal, all members of
/// those groups; for [`Command::BreakGlass`], whether `by` has the right. `now` must have been read while nobody else could change
/// the request.
pub fn decide(request: &Request, command: Command, roster: &Roster, now: Timestamp) -> Verdict {
    let by_itself = matches!(command, Command::Expire | Command::Recheck | Command::Advance);
    if request.is_overdue(now) {
        let decision = Some(Decision::new(Status::Expired, Method::Timeout));
        let answer = if by_itself { Ok(()) } else { Err(Refusal::Expired) };
        return Verdict { transition: Transition { decision, ..Transition::default() }, answer };
    }
    let judged = match (request.status, command) {
        (_, Command::Vote(ballot)) => judge(request, &ballot, roster, now),
        (Status::Pending, command) => change(request, command, roster, now),
        (Status::Cancelled, Command::Cancel { .. }) => Ok(Transition::default()),
        (status, Command::Supersede { successor, .. }) if status != Status::Approved => replace(request, successor),
        _ if by_itself => Ok(Transition::default()),
        (status, _) => Err(Refusal::of_ended(status)),
    };
    match judged {
        Ok(transition) => Verdict { transition, answer: Ok(()) },
        Err(refusal) => Verdict { transition: Transition::default(), answer: Err(refusal) },
    }
}

/// What a command other than a vote does to a request that waits, and whose time is not over.
fn change(request: &Request, command: Command, roster: &Roster, now: Timestamp) -> Result<Transition, Refusal> {
    let ended = |decision| Ok(Transition { decision: Some(decision), ..Transition::default() });
    match command {
        Command::Vote(ballot) => judge(request, &ballot, roster, now),
        Command::Expire => Ok(Transition::default()),
        Command::Cancel { by, reason } => ended(Decision {
            reason,
            by: by.into_iter().collect(),
            ..Decision::new(Status::Cancelled, Method::Cancellation)
        }),
        Command::Supersede { by, successor } => {
            let by = by.into_iter().collect();
            let decision = Decision { by, ..Decision::new(Status::Superseded, Method::Replacement) };
            Ok(Transition { decision: Some(decision), ..replace(request, successor)? })
        }
        Command::Revise { by, role, proposal, reason, revision } => {
            if revision.is_some_and(|seen| seen != request.revision) {
                return Err(Refusal::StaleRevision { current: request.revision });
            }
            let change = Change::new(request, &proposal.payload, by, role, reason, now);
            let revision = Some(revise(request, proposal, change, roster)?);
            let undecidable = decidable_again(request);
            Ok(Transition { revision, voids: void_all(request), undecidable, ..Transition::default() })
        }
        Command::BreakGlass { by, reason, recent } => break_glass(request, by, reason, recent, roster).and_then(ended),
        Command::Recheck => Ok(recheck(request, roster)),
        Command::Advance => Ok(Transition { notice: due(request, now), ..Transition::default() }),
    }
}

fn replace(request: &Request, successor: RequestId) -> Result<Transition, Refusal> {
    match request.superseded_by {
        Some(other) if other != successor => Err(Refusal::Replaced(other)),
        _ => Ok(Transition { successor: Some(successor), ..Transition::default() }),
    }
}

fn recheck(request: &Request, roster: &Roster) -> Transition {
    let voids = lapsed(request, roster);
    let rejected: Vec<&Email> = request
        .live_votes()
        .filter(|vote| vote.choice == Choice::Reject && !voids.iter().any(|void| void.vote == vote.id))
        .map(Vote::seat)
        .collect();
    let excluded = |person: &Email| request.is_in_conflict(person) || rejected.contains(&person);
    let undecidable = !satisfiable(&request.terms.slots, roster, excluded);
    Transition {
        voids,
        undecidable: Some(undecidable).filter(|now| *now != request.undecidable),
        ..Transition::default()
    }
}

fn break_glass(
    request: &Request,
    by: Email,
    reason: String,
    recent: u32,
    roster: &Roster,
) -> Result<Decision, Refusal> {
    let right = request.terms.procedure.break_glass.as_ref();
    let right = right.filter(|right| right.groups.iter().any(|group| roster.contains(group, &by)));
    let Some(right) = right else { return Err(Refusal::NoBreakGlass(by)) };
    if is_blank(&reason) {
        return Err(Refusal::ReasonRequired);
    }
    if recent >= right.per_day {
        return Err(Refusal::TooOften { person: by, per_day: right.per_day });
    }
    Ok(Decision { reason: Some(reason), by: vec![by], ..Decision::new(Status::Approved, Method::BreakGlass) })
}
