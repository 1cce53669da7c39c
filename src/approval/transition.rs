//! What a step does to a request: what [`super::decide()`] answers, and what is written down.

use super::{Change, Decision, Digest, Notice, Payload, Refusal, Request, RuleName, TermsSlot, Vote};
use crate::ids::{RequestId, VoteId};
use crate::time::Timestamp;

/// What a command does to the request: all the parts that are there, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transition {
    /// Another payload takes the place of the present one.
    pub revision: Option<Revision>,
    /// Votes that no longer count.
    pub voids: Vec<Void>,
    /// A vote that is added.
    pub vote: Option<Vote>,
    /// Those asked are reminded, or others are asked too.
    pub notice: Option<Notice>,
    /// Whether it can still be decided, when that has changed.
    pub undecidable: Option<bool>,
    /// It ends.
    pub decision: Option<Decision>,
    /// What takes its place.
    pub successor: Option<RequestId>,
}

/// A payload that takes another's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// What is asked for from now on.
    pub payload: Payload,
    /// Of the payload.
    pub digest: Digest,
    /// The slots to fill from now on.
    pub slots: Vec<TermsSlot>,
    /// The rules that want people to be asked about it.
    pub asking_rules: Vec<RuleName>,
    /// Who changed what.
    pub change: Change,
}

/// A vote that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// Which.
    pub vote: VoteId,
    /// Why not.
    pub why: VoidReason,
}

/// Why a vote no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// The voter changed their mind.
    ChangedMind,
    /// The member whose right it used left the groups asked.
    LeftGroup,
    /// The member it was cast for has voted.
    TakenOver,
    /// Something else is asked for by now.
    Revised,
}

/// What happens, and what the caller is told. A vote that comes too late is refused *and* ends the request as expired.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What to write down.
    pub transition: Transition,
    /// What to answer.
    pub answer: Result<(), Refusal>,
}

impl Request {
    /// Writes into the request what the core said; `now` is the moment it said so.
    pub fn apply(&mut self, transition: &Transition, now: Timestamp) {
        for vote in &mut self.votes {
            vote.voided |= transition.voids.iter().any(|void| void.vote == vote.id);
        }
        if let Some(revision) = &transition.revision {
            self.revision += 1;
            self.payload = revision.payload.clone();
            self.digest = revision.digest;
            self.terms.slots = revision.slots.clone();
            self.terms.asking_rules = revision.asking_rules.clone();
            self.change = Some(revision.change.clone());
        }
        self.votes.extend(transition.vote.clone());
        if let Some(notice) = &transition.notice {
            self.progress = notice.progress;
            for (slot, added) in &notice.added {
                let slots = self.terms.slots.iter_mut().filter(|known| known.slot.group == *slot);
                slots.for_each(|known| known.also.push(added.clone()));
            }
        }
        self.undecidable = transition.undecidable.unwrap_or(self.undecidable);
        self.superseded_by = transition.successor.or(self.superseded_by);
        if let Some(decision) = &transition.decision {
            self.status = decision.outcome;
            self.decided_at = Some(now);
            self.decision = Some(decision.clone());
            self.undecidable = false;
        }
    }
}
