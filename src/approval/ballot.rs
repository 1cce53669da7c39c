//! One vote: who may cast it, for which slots, and its effect.

use super::cover::is_full;
use super::payload::is_blank;
use super::revision::{decidable_again, revise, void_all};
use super::standing::{is_lapsed, lapsed};
use super::{
    Assurance, ChangeRole, Choice, Decision, Digest, Email, GroupName, Kind, LinkUse, Method, Narrowing, PayloadChange,
    Proposal, Refusal, Request, Revision, Roster, Status, TermsSlot, Transition, Void, VoidReason, Vote, cover,
};
use crate::ids::VoteId;
use crate::time::Timestamp;

/// A vote as it is requested.
#[derive(Debug, Clone)]
pub struct Ballot {
    /// The id that the vote will have.
    pub id: VoteId,
    pub voter: Email,
    pub choice: Choice,
    /// The slot they vote for; without it, every slot they are eligible for.
    pub group: Option<GroupName>,
    pub reason: Option<String>,
    /// The revision they saw, if given.
    pub revision: Option<u32>,
    /// The digest of the payload they saw, if given.
    pub digest: Option<Digest>,
    pub assurance: Assurance,
    /// When the voter signed in, if they vote in a session.
    pub signed_in_at: Option<Timestamp>,
    /// How the vote arrived: the name of a channel, or `api`.
    pub channel: String,
    pub link: Option<LinkUse>,
    /// The absent member they stand in for, if given.
    pub on_behalf_of: Option<Email>,
    /// A shorter or later access window than requested.
    pub narrowing: Option<Narrowing>,
    /// Another payload to approve instead of the requested one.
    pub proposal: Option<Proposal>,
}

/// Checks a vote, in the documented order of error codes. A repeated vote returns an empty transition.
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
    check_seen(request, ballot, now)?;
    let (absent, age) = used_seat(request, ballot, roster, now)?;
    let seat = absent.as_ref().unwrap_or(&ballot.voter);
    let uses_seat = |vote: &&Vote| vote.seat() == seat && !is_lapsed(vote, &request.terms.slots, roster);
    // A voter who proposes another payload does not repeat the earlier vote.
    let agrees = |vote: &&Vote| vote.choice == ballot.choice && !proposes(request, ballot);
    let current = earlier.filter(uses_seat).filter(agrees);
    let open = eligible(&request.terms.slots, ballot, seat, (roster, age));
    if current.is_some_and(|vote| adds_nothing(ballot, vote) && open.iter().all(|group| vote.groups.contains(group))) {
        return Ok(Transition::default());
    }
    if age == Age::Any {
        return Err(Refusal::MembershipStale(seat.clone()));
    }
    // The same voter may use the link again: that changes their vote.
    let spent_by = ballot.link.as_ref().and_then(|link| request.link_spent_by(link));
    if let Some(other) = spent_by.filter(|other| **other != ballot.voter) {
        return Err(Refusal::LinkUsed(other.clone()));
    }
    check_reason_and_window(request, ballot)?;
    let revision = revision(request, ballot, roster, now)?;
    let slots = revision.as_ref().map_or(&request.terms.slots, |revision| &revision.slots);
    // Eligibility counts for the new slots: the vote may fill slots that the rules add, or fill none of them.
    let mut groups = eligible(slots, ballot, seat, (roster, age));
    if groups.is_empty() {
        return Err(Refusal::NotEligible(ballot.voter.clone()));
    }
    let kept = current.filter(|_| revision.is_none());
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
        // The vote stays the same one, so it uses no second link: another person may need that link.
        vote.link = kept.link.clone().or(vote.link);
    }
    let decision = outcome(request, slots, &voids, &vote, roster);
    let undecidable = revision.as_ref().and_then(|_| decidable_again(request));
    Ok(Transition { revision, voids, vote: Some(vote), undecidable, decision, ..Transition::default() })
}

/// Whether a vote on an ended request repeats the one that was cast on it. Only a repeat is accepted after the end.
fn is_same(request: &Request, ballot: &Ballot, vote: &Vote) -> bool {
    let is_seen = ballot.revision.is_none_or(|seen| seen == request.revision)
        && ballot.digest.is_none_or(|seen| seen == request.digest);
    let is_seat = ballot.on_behalf_of.as_ref().is_none_or(|absent| absent == vote.seat());
    let is_slot = ballot.group.as_ref().is_none_or(|group| vote.groups.contains(group));
    let is_choice = vote.choice == ballot.choice && !proposes(request, ballot);
    is_seen && is_seat && is_slot && is_choice && adds_nothing(ballot, vote)
}

/// Whether the ballot contains nothing new compared with the vote. The window is part of what is approved: no
/// narrowing means the whole requested window. A missing reason does not remove an earlier one.
fn adds_nothing(ballot: &Ballot, vote: &Vote) -> bool {
    let has_reason = ballot.reason.as_deref().is_some_and(|reason| !is_blank(reason));
    ballot.narrowing == vote.narrowing && (!has_reason || ballot.reason == vote.reason)
}

fn proposes(request: &Request, ballot: &Ballot) -> bool {
    ballot.proposal.as_ref().is_some_and(|proposal| proposal.digest != request.digest)
}

/// Checks that the voter saw the current payload, has enough assurance, and has no conflict of interest.
fn check_seen(request: &Request, ballot: &Ballot, now: Timestamp) -> Result<(), Refusal> {
    if ballot.revision.is_some_and(|seen| seen != request.revision) {
        return Err(Refusal::StaleRevision { current: request.revision });
    }
    if ballot.digest.is_some_and(|seen| seen != request.digest) {
        return Err(Refusal::StaleDigest);
    }
    match request.terms.min_assurance() {
        Some(needed) if ballot.assurance < needed => Err(Refusal::AssuranceTooLow { given: ballot.assurance, needed }),
        _ if !is_fresh(request, ballot, now) => Err(Refusal::SignInStale),
        _ if is_barred(request, ballot, &ballot.voter) => Err(Refusal::Conflict(ballot.voter.clone())),
        _ => Ok(()),
    }
}

/// Whether the voter's sign-in is as recent as the resource demands. A vote outside a session has no sign-in.
fn is_fresh(request: &Request, ballot: &Ballot, now: Timestamp) -> bool {
    let Some(seconds) = request.terms.procedure.fresh_sign_in_seconds else { return true };
    ballot.signed_in_at.is_some_and(|at| now.since(at).as_secs() < u64::from(seconds))
}

/// Whether a conflict of interest forbids this vote. It never forbids a reject: the requester chooses the beneficiary,
/// for example, and must not be able to exclude a person who would reject.
fn is_barred(request: &Request, ballot: &Ballot, person: &Email) -> bool {
    ballot.choice == Choice::Approve && request.is_in_conflict(person)
}

/// Which memberships count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Also old ones.
    Any,
    /// Those that are fresh at this time.
    FreshAt(Timestamp),
}

/// The absent member whose seat the vote uses, if it is not the voter's own; and whether its membership is fresh. An old
/// one suffices to repeat a vote, not to cast one.
fn used_seat(
    request: &Request,
    ballot: &Ballot,
    roster: &Roster,
    now: Timestamp,
) -> Result<(Option<Email>, Age), Refusal> {
    let seat = |age| absent(request, ballot, roster, age).map(|absent| (absent, age));
    seat(Age::FreshAt(now)).or_else(|refusal| seat(Age::Any).map_err(|_| refusal))
}

/// The absent member whose seat the vote uses, or `None` if the voter uses their own.
fn absent(request: &Request, ballot: &Ballot, roster: &Roster, age: Age) -> Result<Option<Email>, Refusal> {
    let may = |member: &Email| !eligible(&request.terms.slots, ballot, member, (roster, age)).is_empty();
    if ballot.on_behalf_of.is_none() && may(&ballot.voter) {
        return Ok(None);
    }
    let mut refusal = match &ballot.on_behalf_of {
        Some(absent) if !roster.delegators(&ballot.voter).any(|member| member == absent) => {
            Refusal::NotStandIn { voter: ballot.voter.clone(), absent: absent.clone() }
        }
        _ => Refusal::NotEligible(ballot.voter.clone()),
    };
    let named = |absent: &&Email| ballot.on_behalf_of.as_ref().is_none_or(|named| named == *absent);
    for absent in roster.delegators(&ballot.voter).filter(named).filter(|absent| may(absent)) {
        let holds_seat = |vote: &&Vote| {
            vote.seat() == absent && vote.voter != ballot.voter && !is_lapsed(vote, &request.terms.slots, roster)
        };
        // A member with a conflict of interest cannot approve through a stand-in either.
        if is_barred(request, ballot, absent) {
            refusal = Refusal::Conflict(absent.clone());
        } else if let Some(taken) = request.live_votes().find(holds_seat) {
            refusal = Refusal::SeatTaken(taken.voter.clone());
        } else {
            return Ok(Some(absent.clone()));
        }
    }
    Err(refusal)
}

/// The slots that the member may fill; only the named one if the ballot names a slot.
fn eligible(slots: &[TermsSlot], ballot: &Ballot, member: &Email, (roster, age): (&Roster, Age)) -> Vec<GroupName> {
    let named = |slot: &&TermsSlot| ballot.group.as_ref().is_none_or(|group| *group == slot.slot.group);
    let admits = |slot: &&TermsSlot| match age {
        Age::Any => slot.admits(member, roster),
        Age::FreshAt(now) => slot.admits_fresh(member, roster, now),
    };
    let slots = slots.iter().filter(named).filter(admits);
    slots.map(|slot| slot.slot.group.clone()).collect()
}

/// Checks the reason and the narrowed window.
fn check_reason_and_window(request: &Request, ballot: &Ballot) -> Result<(), Refusal> {
    let has_no_reason = ballot.reason.as_deref().is_none_or(is_blank);
    if ballot.choice == Choice::Reject && request.terms.procedure.reject_reason_required && has_no_reason {
        return Err(Refusal::ReasonRequired);
    }
    let Some(narrowing) = &ballot.narrowing else { return Ok(()) };
    let longest = request.payload.duration_seconds.unwrap_or(0);
    let fits = narrowing.duration_seconds.is_none_or(|seconds| (1..=longest).contains(&seconds));
    if request.kind == Kind::Jit && ballot.choice == Choice::Approve && fits { Ok(()) } else { Err(Refusal::Widened) }
}

/// The revision that the voter approves instead of the requested payload.
fn revision(request: &Request, ballot: &Ballot, roster: &Roster, now: Timestamp) -> Result<Option<Revision>, Refusal> {
    let proposal = ballot.proposal.clone().filter(|_| ballot.choice == Choice::Approve && proposes(request, ballot));
    let Some(proposal) = proposal else { return Ok(None) };
    let by = Some(ballot.voter.clone());
    let change = PayloadChange::new(request, &proposal.payload, by, ChangeRole::Approver, ballot.reason.clone(), now);
    revise(request, proposal, change, roster).map(Some)
}

/// The votes that this one replaces, and those that have lapsed.
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

/// The decision that the vote brings about, if any.
fn outcome(request: &Request, slots: &[TermsSlot], voids: &[Void], vote: &Vote, roster: &Roster) -> Option<Decision> {
    let live = request.live_votes().filter(|known| !voids.iter().any(|void| void.vote == known.id));
    let alike: Vec<&Vote> = live.chain([vote]).filter(|known| known.choice == vote.choice).collect();
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
