//! What a changed command would bring about, without changing it.

use serde::{Deserialize, Serialize};

use super::ask::check_payload;
use crate::approval::{Payload, RuleName, Ruling, limits, unified};
use crate::hub::view::AskingRule;
use crate::hub::{Hub, HubError, input};
use crate::identity::Principal;
use crate::ids::RequestId;

/// The body of a trial.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryChange {
    pub command: String,
}

/// What the request's own rules say about another command.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeTrial {
    /// The difference, as a unified diff; empty if nothing differs.
    pub diff: String,
    /// The rule that refuses it.
    pub denied: Option<AskingRule>,
    /// The rules that would require approval.
    pub asking_rules: Vec<AskingRule>,
    /// Whether the command is ambiguous; no rule allows an ambiguous command.
    pub unclear: bool,
}

impl Hub {
    /// Judges another command by the terms of a request.
    ///
    /// # Errors
    /// When there is no such request for the caller, or the command is invalid.
    pub async fn try_change(
        &self,
        caller: &Principal,
        id: RequestId,
        change: TryChange,
    ) -> Result<ChangeTrial, HubError> {
        input::text("/command", &change.command, limits::COMMAND)?;
        let request = self.visible(caller, id).await?;
        let diff = unified(&request.payload.command, &change.command);
        let payload = Payload { command: change.command, ..request.payload.clone() };
        check_payload(&request.terms.procedure, request.kind, &payload)?;
        let rules = &request.terms.procedure.guardrails;
        let (judged, _) = self.rules.judge(rules, payload).await?;
        let named = |rule: RuleName| {
            let reason = rules.iter().find(|spec| spec.name == rule).and_then(|spec| spec.reason.clone());
            AskingRule { rule, reason }
        };
        let (denied, asking) = match judged.verdict {
            Ruling::Denied { rule, .. } => (Some(named(rule)), Vec::new()),
            Ruling::Ask { rules, .. } => (None, rules.into_iter().map(named).collect()),
            Ruling::Allowed { .. } => (None, Vec::new()),
        };
        Ok(ChangeTrial { diff, denied, asking_rules: asking, unclear: judged.unclear })
    }
}
