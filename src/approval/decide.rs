//! The single entry point through which a request changes: [`decide`].
//!
//! # Types
//! - [`Request`]: the request as the store read it, with its terms (the policy as it was at creation) and all its
//!   votes.
//! - [`Command`]: one step that a person or the timer wants, such as a vote, a cancellation, or "expire if overdue".
//! - [`Roster`]: the memberships that the step needs, and who stands in for whom.
//! - [`Transition`]: what changes, as optional parts: a revision, voided votes, a new vote, a notice, a decision.
//! - [`Verdict`]: a transition, and the answer to the caller. Both are needed: a vote after the deadline is refused
//!   *and* ends the request as expired.
//!
//! # Flow
//! 1. The caller opens a write transaction, in which no other writer can change the request, and reads the request and
//!    the roster.
//! 2. It reads the time, and calls [`decide`].
//! 3. An overdue request expires first, whatever the command is. So no answer depends on whether the timer was on
//!    time.
//! 4. A vote goes to `ballot`, another payload to `revision`, reminders and escalation to `schedule`; the rest is in
//!    this file.
//! 5. The caller applies the transition to the request ([`Request::apply`]) and writes the same parts to the store:
//!    the request's row, added and voided votes, an audit entry for each change, the rollups of an end, the event with
//!    its deliveries, and the execution or grant that an approval opens. All of this is one transaction: either all
//!    parts are written or none is.
//!
//! # Invariants
//! - A final status never changes: a request that has ended gets no vote, no revision and no second decision. Only the
//!   link to its successor may still be added, and only if it was not approved.
//! - Repeating a vote or a cancellation that was carried out gives an empty transition, not an error: callers may retry
//!   after a lost answer.
//! - Only an expiry changes the request and refuses the command. Every other refusal comes with an empty transition.
//! - At the deadline it is too late: all intervals are half-open.
//! - Votes are never edited or deleted. A vote that no longer counts is voided, with the reason.
//! - Who votes or uses break-glass has a membership that is not old. A vote is judged when it is cast: that the
//!   membership gets old later does not void it, while leaving the group does.
//! - Nobody fills two places of slots that are not shared, and nobody with a conflict of interest approves, themselves
//!   or through a stand-in.
//!
//! # Why the core knows no clock
//! The time is an argument, as people and ids are. It must come from inside the transaction: a time that was read
//! before waiting for the lock could be earlier than a vote that was written meanwhile. And with all inputs as
//! arguments, the same inputs always give the same verdict: tests need no waiting, and property tests compare any
//! sequence of commands with a simple model.

use super::ballot::judge;
use super::cover::satisfiable;
use super::payload::is_blank;
use super::revision::{decidable_again, revise, void_all};
use super::schedule::due;
use super::standing::lapsed;
use super::{
    Ballot, ChangeRole, Choice, Decision, Email, Method, PayloadChange, Proposal, Refusal, Request, Roster, Status,
    Transition, Verdict, Vote,
};
use crate::ids::RequestId;
use crate::time::Timestamp;

/// One step that a caller or the timer requests.
#[derive(Debug, Clone)]
pub enum Command {
    /// Approve or reject.
    Vote(Box<Ballot>),
    /// End the request if it is overdue.
    Expire,
    /// Cancel the request. The caller's permission is checked before.
    Cancel {
        /// The person, if the caller acts for one.
        by: Option<Email>,
        reason: Option<String>,
    },
    /// Replace the request with another one. The caller's permission is checked before.
    Supersede {
        /// The person, if the caller acts for one.
        by: Option<Email>,
        /// The new request.
        successor: RequestId,
    },
    /// Replace the payload. The caller's permission is checked before.
    Revise {
        /// The person, if the caller acts for one.
        by: Option<Email>,
        /// Whether the requester's side changes it, or an operator of the hub.
        role: ChangeRole,
        proposal: Proposal,
        reason: Option<String>,
        /// The revision they saw, if given.
        revision: Option<u32>,
    },
    /// Approve in an emergency, without votes.
    BreakGlass {
        by: Email,
        reason: String,
        /// How often this person has used break-glass in the last 24 hours.
        recent: u32,
    },
    /// Check the votes and slots against the current memberships.
    Recheck,
    /// Send reminders and escalate, as far as they are due.
    Advance,
}

impl Command {
    /// Approves or rejects.
    pub fn vote(ballot: Ballot) -> Self {
        Self::Vote(Box::new(ballot))
    }
}

/// Decides what `command` does to `request`, given the memberships and the time.
///
/// `roster` must contain the memberships, in the request's groups, of the voter, of those the voter stands in for, and
/// of everyone who has voted or whose seat was used. For [`Command::Recheck`], [`Command::Revise`] and votes with a
/// proposal it must contain all members of those groups; for [`Command::BreakGlass`], whether `by` is in a group with
/// that right. `now` must be read in the transaction in which `request` was read.
pub fn decide(request: &Request, command: Command, roster: &Roster, now: Timestamp) -> Verdict {
    let is_automatic = matches!(command, Command::Expire | Command::Recheck | Command::Advance);
    if request.is_overdue(now) {
        let decision = Some(Decision::new(Status::Expired, Method::Timeout));
        let answer = if is_automatic { Ok(()) } else { Err(Refusal::Expired) };
        return Verdict { transition: Transition { decision, ..Transition::default() }, answer };
    }
    let judged = match (request.status, command) {
        (_, Command::Vote(ballot)) => judge(request, &ballot, roster, now),
        (Status::Pending, command) => change(request, command, roster, now),
        (Status::Cancelled, Command::Cancel { .. }) => Ok(Transition::default()),
        (status, Command::Supersede { successor, .. }) if status != Status::Approved => replace(request, successor),
        _ if is_automatic => Ok(Transition::default()),
        (status, _) => Err(Refusal::of_ended(status)),
    };
    match judged {
        Ok(transition) => Verdict { transition, answer: Ok(()) },
        Err(refusal) => Verdict { transition: Transition::default(), answer: Err(refusal) },
    }
}

/// Applies a command other than a vote to a pending request that is not overdue.
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
            let change = PayloadChange::new(request, &proposal.payload, by, role, reason, now);
            let revision = Some(revise(request, proposal, change, roster)?);
            let undecidable = decidable_again(request);
            Ok(Transition { revision, voids: void_all(request), undecidable, ..Transition::default() })
        }
        Command::BreakGlass { by, reason, recent } => {
            break_glass(request, by, (reason, recent), roster, now).and_then(ended)
        }
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
    (reason, recent): (String, u32),
    roster: &Roster,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let right = request.terms.procedure.break_glass.as_ref();
    let right = right.filter(|right| right.groups.iter().any(|group| roster.contains(group, &by)));
    let Some(right) = right else { return Err(Refusal::NoBreakGlass(by)) };
    if !right.groups.iter().any(|group| roster.contains_fresh(group, &by, now)) {
        return Err(Refusal::MembershipStale(by));
    }
    if is_blank(&reason) {
        return Err(Refusal::ReasonRequired);
    }
    if recent >= right.per_day {
        return Err(Refusal::TooOften { person: by, per_day: right.per_day });
    }
    Ok(Decision { reason: Some(reason), by: vec![by], ..Decision::new(Status::Approved, Method::BreakGlass) })
}
