//! The result of a command: what [`super::decide()`] returns, and how it changes a request. See
//! [`super::decide`](mod@super::decide).

use super::{Decision, Digest, Payload, PayloadChange, Refusal, Request, RuleName, ScheduledNotice, TermsSlot, Vote};
use crate::ids::{RequestId, VoteId};
use crate::time::Timestamp;

/// The effect of a command on a request. Each part is optional; they apply in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transition {
    /// Another payload replaces the current one.
    pub revision: Option<Revision>,
    /// Votes that no longer count.
    pub voids: Vec<Void>,
    pub vote: Option<Vote>,
    /// A reminder, or an escalation to further groups.
    pub notice: Option<ScheduledNotice>,
    /// Whether too few people are left to approve it, if that has changed.
    pub undecidable: Option<bool>,
    /// The request ends.
    pub decision: Option<Decision>,
    /// The request that replaces this one.
    pub successor: Option<RequestId>,
}

/// A payload that replaces the current one.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    pub payload: Payload,
    pub digest: Digest,
    /// The slots that must be filled now.
    pub slots: Vec<TermsSlot>,
    /// The rules that require people to be asked about it.
    pub asking_rules: Vec<RuleName>,
    pub change: PayloadChange,
}

/// A vote that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    pub vote: VoteId,
    pub why: VoidReason,
}

/// Why a vote no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// The voter voted differently.
    ChangedMind,
    /// The member whose seat it used left the groups.
    LeftGroup,
    /// The member for whom a stand-in had voted has voted.
    TakenOver,
    /// The payload was replaced.
    Revised,
}

/// The effect of a command, and the answer to the caller. A vote that comes too late is refused *and* ends the request
/// as expired.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What to apply and write.
    pub transition: Transition,
    pub answer: Result<(), Refusal>,
}

impl Request {
    /// Applies the transition to the request. `now` is the time at which it was decided.
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
