//! What can be observed of a request, in the terms of the model.

use super::worlds::Vote;

/// The observable state of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub(super) status: &'static str,
    /// How it ended, and who decided, in order.
    pub(super) decision: Option<(&'static str, Vec<usize>)>,
    pub(super) payload: usize,
    pub(super) revision: u32,
    /// Each slot, with the groups that escalation added to it.
    pub(super) slots: Vec<ModelSlot>,
    pub(super) votes: Vec<ModelVote>,
    pub(super) undecidable: bool,
    pub(super) successor: Option<usize>,
    /// The number of past reminders and escalation steps, and how often reminders were sent.
    pub(super) progress: (usize, usize, usize),
    pub(super) next_notice: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelSlot {
    pub(super) group: usize,
    pub(super) needed: u32,
    pub(super) shared: bool,
    pub(super) also: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelVote {
    pub(super) voter: usize,
    /// The member whose right to vote is used.
    pub(super) seat: usize,
    pub(super) approve: bool,
    /// The slots that the vote counts for, as bits.
    pub(super) groups: u8,
    pub(super) revision: u32,
    /// The access window that the vote narrows to.
    pub(super) window: Option<u32>,
    /// The reason, by number.
    pub(super) why: Option<usize>,
    pub(super) void: Option<&'static str>,
}

impl ModelVote {
    /// Whether the kept vote already says everything that the new vote says.
    pub(super) fn covers(&self, vote: &Vote) -> bool {
        self.approve == vote.approve && self.window == vote.window && (vote.why.is_none() || vote.why == self.why)
    }
}

pub(super) fn asked((group, needed, shared): (usize, u32, bool)) -> ModelSlot {
    ModelSlot { group, needed, shared, also: Vec::new() }
}
