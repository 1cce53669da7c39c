//! What is to be written down about one delivery, between its sender and the recorder.

use crate::store::StoreError;
use crate::store::deliveries::{Attempt, DeliveryState};
use crate::store::queue::{Next, Settlement};
use crate::store::slack::messages::Unlock;
use crate::store::template_problems::TemplateProblem;
use crate::time::Timestamp;

/// What is to be written down about one delivery.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) settlement: Settlement,
    /// What it counted against the bound of bytes.
    pub(super) bytes: usize,
    /// Why the endpoint is to be switched off, when the target said so.
    pub(super) is_gone: Option<String>,
    /// The message lock to release.
    pub(super) unlock: Option<Unlock>,
    /// How the operator's templates did, where there are any.
    pub(super) template: Option<TemplateVerdict>,
}

/// How an operator's templates did.
#[derive(Debug, Clone)]
pub(super) struct TemplateVerdict {
    /// For which event.
    pub(super) event: String,
    /// What is wrong; none when they made the message.
    pub(super) problem: Option<TemplateProblem>,
}

impl Record {
    /// What is written down instead of one that the database refuses: that it was sent, and that no more of it can be said.
    pub(super) fn refused(&self, error: &StoreError) -> Self {
        tracing::error!(delivery = %self.settlement.id, error = error as &dyn std::error::Error, "a result is refused");
        let reason = format!("what came of it cannot be recorded: {error}");
        let next = Next::End { state: DeliveryState::Failed, reason: Some(reason) };
        let attempt = self.settlement.attempt.clone().map(|attempt| Attempt { error: None, answer: None, ..attempt });
        let settlement = Settlement { next, attempt, ..self.settlement.clone() };
        Self { settlement, unlock: None, template: None, ..self.clone() }
    }

    /// When the delivery is due again.
    pub(super) const fn due(&self) -> Option<Timestamp> {
        match self.settlement.next {
            Next::Retry(moment) | Next::Wait(moment) => Some(moment),
            Next::GiveBack(_) | Next::End { .. } => None,
        }
    }
}
