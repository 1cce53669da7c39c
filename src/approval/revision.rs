//! Replacing a request's payload: what the rules say, and what happens to the votes.

use super::cover::satisfiable;
use super::{Digest, Payload, PayloadChange, Refusal, Request, Revision, Roster, Ruling, Void, VoidReason};

/// A new payload, and the rules' ruling on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub payload: Payload,
    pub digest: Digest,
    /// The ruling of the request's own rules.
    pub ruling: Ruling,
}

/// Returns the revision of the request with another payload. Its rules may add slots.
pub(super) fn revise(
    request: &Request,
    proposal: Proposal,
    change: PayloadChange,
    roster: &Roster,
) -> Result<Revision, Refusal> {
    let Proposal { payload, digest, ruling } = proposal;
    if digest == request.digest {
        return Err(Refusal::NothingChanged);
    }
    let (added, asking_rules) = match ruling {
        Ruling::Denied { rule, reason } => return Err(Refusal::DeniedByRule { rule, reason }),
        // Once people were asked, they also decide about a payload that a rule would allow.
        Ruling::Allowed { .. } => (Vec::new(), Vec::new()),
        Ruling::Ask { slots, rules } => (slots, rules),
    };
    let slots = request.terms.slots_with(&added, roster);
    if !satisfiable(&slots, roster, |person| request.is_in_conflict(person)) {
        return Err(Refusal::Unsatisfiable);
    }
    Ok(Revision { payload, digest, slots, asking_rules, change })
}

/// Sets the request decidable again if it was not: [`revise`] has checked that the slots can be filled.
pub(super) fn decidable_again(request: &Request) -> Option<bool> {
    request.undecidable.then_some(false)
}

pub(super) fn void_all(request: &Request) -> Vec<Void> {
    request.live_votes().map(|vote| Void { vote: vote.id, why: VoidReason::Revised }).collect()
}
