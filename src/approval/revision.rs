//! Another payload in place of the one asked for: what the rules make of it, and what becomes of the votes.

use super::cover::satisfiable;
use super::{Change, Digest, Payload, Refusal, Request, Revision, Roster, Ruling, Void, VoidReason};

/// Another payload, and what the rules say of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What would run instead.
    pub payload: Payload,
    /// Of the payload.
    pub digest: Digest,
    /// What the request's rules say of it.
    pub ruling: Ruling,
}

/// The request with another payload, by whose rules more slots may have to be filled.
pub(super) fn revise(
    request: &Request,
    proposal: Proposal,
    change: Change,
    roster: &Roster,
) -> Result<Revision, Refusal> {
    let Proposal { payload, digest, ruling } = proposal;
    if digest == request.digest {
        return Err(Refusal::NothingChanged);
    }
    let (added, asking_rules) = match ruling {
        Ruling::Denied { rule, reason } => return Err(Refusal::DeniedByRule { rule, reason }),
        // What a rule lets pass is still decided by people once they have been asked.
        Ruling::Allowed { .. } => (Vec::new(), Vec::new()),
        Ruling::Ask { slots, rules } => (slots, rules),
    };
    let slots = request.terms.slots_with(&added, roster);
    if !satisfiable(&slots, roster, |person| request.is_in_conflict(person)) {
        return Err(Refusal::Unsatisfiable);
    }
    Ok(Revision { payload, digest, slots, asking_rules, change })
}

/// What is revised can be decided, be it that it could not before.
pub(super) fn decidable_again(request: &Request) -> Option<bool> {
    request.undecidable.then_some(false)
}

pub(super) fn void_all(request: &Request) -> Vec<Void> {
    request.live_votes().map(|vote| Void { vote: vote.id, why: VoidReason::Revised }).collect()
}
