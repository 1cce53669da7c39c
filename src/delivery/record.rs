//! The result of one send, on its way to the recorder.

use crate::store::StoreError;
use crate::store::deliveries::{Attempt, DeliveryState};
use crate::store::queue::{Next, Settlement};
use crate::store::slack::messages::Unlock;
use crate::store::template_problems::TemplateProblem;
use crate::time::Timestamp;

/// The result of one send, as the recorder writes it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) settlement: Settlement,
    /// Bytes that the delivery counts towards the scheduler's limit.
    pub(super) bytes: usize,
    /// Why the endpoint must be switched off, if the target asked for it.
    pub(super) is_gone: Option<String>,
    /// The message lock to release.
    pub(super) unlock: Option<Unlock>,
    /// Whether the operator's templates worked, if there are any.
    pub(super) template: Option<TemplateVerdict>,
}

/// Whether an operator's templates worked.
#[derive(Debug, Clone)]
pub(super) struct TemplateVerdict {
    /// The event's kind.
    pub(super) event: String,
    /// None when the message was rendered with them.
    pub(super) problem: Option<TemplateProblem>,
}

impl Record {
    /// The record that replaces one that the database refused: the delivery was attempted, and its result cannot be
    /// stored.
    pub(super) fn refused(&self, error: &StoreError) -> Self {
        tracing::error!(delivery = %self.settlement.id, error = error as &dyn std::error::Error, "the database refused a result");
        let reason = format!("the result cannot be recorded: {error}");
        let next = Next::End { state: DeliveryState::Failed, reason: Some(reason) };
        let attempt = self.settlement.attempt.clone().map(|attempt| Attempt { error: None, answer: None, ..attempt });
        let settlement = Settlement { next, attempt, ..self.settlement.clone() };
        Self { settlement, unlock: None, template: None, ..self.clone() }
    }

    /// When the delivery is due again, unless it has ended.
    pub(super) const fn due(&self) -> Option<Timestamp> {
        match self.settlement.next {
            Next::Retry(due) | Next::Wait(due) => Some(due),
            Next::GiveBack(_) | Next::End { .. } => None,
        }
    }
}
