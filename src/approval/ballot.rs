//! One vote: who may cast it, for what, and what it brings about.

use super::cover::is_full;
use super::payload::is_blank;
use super::revision::{decidable_again, revise, void_all};
use super::standing::{is_lapsed, lapsed};
use super::{
    Assurance, Change, ChangeRole, Choice, Decision, Digest, Email, GroupName, Kind, LinkUse, Method, Narrowing,
    Proposal, Refusal, Request, Revision, Roster, Status, TermsSlot, Transition, Void, VoidReason, Vote, cover,
};
use crate::ids::VoteId;
use crate::time::Timestamp;

/// A vote as it is asked for.
#[derive(Debug, Clone)]
pub struct Ballot {
    /// What the vote will be called.
    pub id: VoteId,
    /// Who votes.
    pub voter: Email,
    /// What they want.
    pub choice: Choice,
    /// The slot they vote for; without one, any slot they are eligible for.
    pub group: Option<GroupName>,
    /// Why.
    pub reason: Option<String>,
    /// The revision they saw, when they say so.
    pub revision: Option<u32>,
    /// The payload they saw, when they say so.
    pub digest: Option<Digest>,
    /// How sure we are of who they are.
    pub assurance: Assurance,
    /// The way it came: a channel's name, or `api`.
    pub channel: String,
    /// The link it came by.
    pub link: Option<LinkUse>,
    /// The absent member in whose place they vote, when they say so.
    pub on_behalf_of: Option<Email>,
    /// What an approver of access makes of the window.
    pub narrowing: Option<Narrowing>,
    /// Another payload to approve in place of what is asked.
    pub proposal: Option<Proposal>,
}

/// The checks of one vote, in the order that the answers promise. The same vote again is no transition.
pub(super) fn judge(
    request: &Request,
    ballot: &Ballot,
    roster: &Roster,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    let earlier = request.live_votes().find(|vote| vote.voter == ballot.voter);
    if request.status != Status::Pending {
        let again = request.status != Status::Expired && earlier.is_some_and(|vote| is_same(request, ballot, vote));
        return if again { Ok(Transition::default()) } else { Err(Refusal::of_ended(request.status)) };
    }
    check_seen(request, ballot)?;
    let absent = absent(request, ballot, roster)?;
    let seat = absent.as_ref().unwrap_or(&ballot.voter);
    let holds = |vote: &&Vote| vote.seat() == seat && !is_lapsed(vote, &request.terms.slots, roster);
    // Somebody who wants something else than what is asked does not repeat themselves.
    let agrees = |vote: &&Vote| vote.choice == ballot.choice && !proposes(request, ballot);
    let standing = earlier.filter(holds).filter(agrees);
    let asked = eligible(&request.terms.slots, ballot, seat, roster);
    if standing.is_some_and(|vote| says_no_more(ballot, vote) && asked.iter().all(|group| vote.groups.contains(group)))
    {
        return Ok(Transition::default());
    }
    // Of the same voter it is a change of mind, which is heard.
    let spent_by = ballot.link.as_ref().and_then(|link| request.link_spent_by(link));
    if let Some(other) = spent_by.filter(|other| **other != ballot.voter) {
        return Err(Refusal::LinkUsed(other.clone()));
    }
    check_wish(request, ballot)?;
    let revision = revision(request, ballot, roster, now)?;
    let slots = revision.as_ref().map_or(&request.terms.slots, |revision| &revision.slots);
    // What other rules ask for, the vote may fill as well, or not at all.
    let mut groups = eligible(slots, ballot, seat, roster);
    if groups.is_empty() {
        return Err(Refusal::NotEligible(ballot.voter.clone()));
    }
    let kept = standing.filter(|_| revision.is_none());
    for group in kept.into_iter().flat_map(|vote| &vote.groups) {
        if !groups.contains(group) {
            groups.push(group.clone());
        }
    }
    let voids = match &revision {
        Some(_) => void_all(request),
        None => voids(request, ballot, seat, roster),
    };
    let mut vote = cast(request, revision.as_ref(), ballot, (seat, groups), now);
    if let Some(kept) = kept {
        vote.reason = vote.reason.or_else(|| kept.reason.clone());
        // It is the same vote, so it spends no second link: somebody else may need that one.
        vote.link = kept.link.clone().or(vote.link);
    }
    let decision = outcome(request, slots, &voids, &vote, roster);
    let undecidable = revision.as_ref().and_then(|_| decidable_again(request));
    Ok(Transition { revision, voids, vote: Some(vote), undecidable, decision, ..Transition::default() })
}

/// Whether a vote on a request that has ended is the one that was cast on it, word for word: only then is it no news that it comes late.
fn is_same(request: &Request, ballot: &Ballot, vote: &Vote) -> bool {
    let is_seen = ballot.revision.is_none_or(|seen| seen == request.revision)
        && ballot.digest.is_none_or(|seen| seen == request.digest);
    let is_seat = ballot.on_behalf_of.as_ref().is_none_or(|absent| absent == vote.seat());
    let is_slot = ballot.group.as_ref().is_none_or(|group| vote.groups.contains(group));
    let is_choice = vote.choice == ballot.choice && !proposes(request, ballot);
    is_seen && is_seat && is_slot && is_choice && says_no_more(ballot, vote)
}

/// Whether the ballot says nothing that the vote does not say. The window is part of what is approved: without one, all that is asked
/// for is meant. A reason that is left out takes none back.
fn says_no_more(ballot: &Ballot, vote: &Vote) -> bool {
    let has_reason = ballot.reason.as_deref().is_some_and(|reason| !is_blank(reason));
    ballot.narrowing == vote.narrowing && (!has_reason || ballot.reason == vote.reason)
}

fn proposes(request: &Request, ballot: &Ballot) -> bool {
    ballot.proposal.as_ref().is_some_and(|proposal| proposal.digest != request.digest)
}

/// Whether what the voter saw is what waits, and whether the hub is sure enough of who they are.
fn check_seen(request: &Request, ballot: &Ballot) -> Result<(), Refusal> {
    if ballot.revision.is_some_and(|seen| seen != request.revision) {
        return Err(Refusal::StaleRevision { current: request.revision });
    }
    if ballot.digest.is_some_and(|seen| seen != request.digest) {
        return Err(Refusal::StaleDigest);
    }
    match request.terms.procedure.min_assurance {
        Some(needed) if ballot.assurance < needed => Err(Refusal::AssuranceTooLow { given: ballot.assurance, needed }),
        _ if may_not(request, ballot, &ballot.voter) => Err(Refusal::Conflict(ballot.voter.clone())),
        _ => Ok(()),
    }
}

/// Whether a conflict of interest keeps the person from casting that vote. It keeps nobody from rejecting: whom a request names as its
/// beneficiary, say, is its asker's choice, and must not keep those out who would say no.
fn may_not(request: &Request, ballot: &Ballot, person: &Email) -> bool {
    ballot.choice == Choice::Approve && request.is_in_conflict(person)
}

/// Nobody when the voter uses their own right to vote; without one, the absent member in whose place they may.
fn absent(request: &Request, ballot: &Ballot, roster: &Roster) -> Result<Option<Email>, Refusal> {
    let may = |member: &Email| !eligible(&request.terms.slots, ballot, member, roster).is_empty();
    if ballot.on_behalf_of.is_none() && may(&ballot.voter) {
        return Ok(None);
    }
    let mut refusal = Refusal::NotEligible(ballot.voter.clone());
    let named = |absent: &&Email| ballot.on_behalf_of.as_ref().is_none_or(|named| named == *absent);
    for absent in roster.delegators(&ballot.voter).filter(named).filter(|absent| may(absent)) {
        let takes = |vote: &&Vote| {
            vote.seat() == absent && vote.voter != ballot.voter && !is_lapsed(vote, &request.terms.slots, roster)
        };
        // Nobody decides through a stand-in what they may not decide themselves.
        if may_not(request, ballot, absent) {
            refusal = Refusal::Conflict(absent.clone());
        } else if let Some(taken) = request.live_votes().find(takes) {
            refusal = Refusal::SeatTaken(taken.voter.clone());
        } else {
            return Ok(Some(absent.clone()));
        }
    }
    Err(refusal)
}

/// The slots that the member may fill, or the one of them that the ballot names.
fn eligible(slots: &[TermsSlot], ballot: &Ballot, member: &Email, roster: &Roster) -> Vec<GroupName> {
    let named = |slot: &&TermsSlot| ballot.group.as_ref().is_none_or(|group| *group == slot.slot.group);
    let slots = slots.iter().filter(named).filter(|slot| slot.admits(member, roster));
    slots.map(|slot| slot.slot.group.clone()).collect()
}

/// Whether what comes with the vote can be meant.
fn check_wish(request: &Request, ballot: &Ballot) -> Result<(), Refusal> {
    let silent = ballot.reason.as_deref().is_none_or(is_blank);
    if ballot.choice == Choice::Reject && request.terms.procedure.reject_reason_required && silent {
        return Err(Refusal::ReasonRequired);
    }
    let Some(narrowing) = &ballot.narrowing else { return Ok(()) };
    let longest = request.payload.duration_seconds.unwrap_or(0);
    let fits = narrowing.duration_seconds.is_none_or(|seconds| (1..=longest).contains(&seconds));
    if request.kind == Kind::Jit && ballot.choice == Choice::Approve && fits { Ok(()) } else { Err(Refusal::Widened) }
}

/// What the voter approves in place of what is asked.
fn revision(request: &Request, ballot: &Ballot, roster: &Roster, now: Timestamp) -> Result<Option<Revision>, Refusal> {
    let proposal = ballot.proposal.clone().filter(|_| ballot.choice == Choice::Approve && proposes(request, ballot));
    let Some(proposal) = proposal else { return Ok(None) };
    let by = Some(ballot.voter.clone());
    let change = Change::new(request, &proposal.payload, by, ChangeRole::Approver, ballot.reason.clone(), now);
    revise(request, proposal, change, roster).map(Some)
}

/// Votes that this one takes the place of, and those whose right is gone.
fn voids(request: &Request, ballot: &Ballot, seat: &Email, roster: &Roster) -> Vec<Void> {
    let mut voids = lapsed(request, roster);
    for vote in request.live_votes() {
        let why = if vote.voter == ballot.voter {
            VoidReason::ChangedMind
        } else if vote.seat() == seat {
            VoidReason::TakenOver
        } else {
            continue;
        };
        if !voids.iter().any(|void| void.vote == vote.id) {
            voids.push(Void { vote: vote.id, why });
        }
    }
    voids
}

/// How the request ends by the vote, if it does.
fn outcome(request: &Request, slots: &[TermsSlot], voids: &[Void], vote: &Vote, roster: &Roster) -> Option<Decision> {
    let standing = request.live_votes().filter(|known| !voids.iter().any(|void| void.vote == known.id));
    let alike: Vec<&Vote> = standing.chain([vote]).filter(|known| known.choice == vote.choice).collect();
    let outcome = match vote.choice {
        Choice::Reject if alike.len() >= request.terms.procedure.reject_needed as usize => Status::Rejected,
        Choice::Approve if is_full(slots, &cover(slots, &alike, roster)) => Status::Approved,
        _ => return None,
    };
    let by = alike.iter().map(|vote| vote.voter.clone()).collect();
    Some(Decision { reason: vote.reason.clone(), by, ..Decision::new(outcome, Method::Votes) })
}

fn cast(
    request: &Request,
    revision: Option<&Revision>,
    ballot: &Ballot,
    (seat, groups): (&Email, Vec<GroupName>),
    now: Timestamp,
) -> Vote {
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
        revision: request.revision + u32::from(revision.is_some()),
        digest: revision.map_or(request.digest, |revision| revision.digest),
        on_behalf_of: (*seat != ballot.voter).then(|| seat.clone()),
        narrowing: ballot.narrowing,
        voided: false,
    }
}
