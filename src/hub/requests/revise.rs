//! Revising a request: it keeps its id and gets another payload, and all votes are cast again.

use serde::Deserialize;
use serde_json::Value;

use super::ask::check_payload;
use crate::approval::{ChangeRole, Command, Email, Payload, Request, limits};
use crate::hub::{Hub, HubError, RequestView, input, require};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::store::resources;

/// The body of a revision; absent fields keep their value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviseInput {
    #[serde(default)]
    pub command: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
    #[serde(default)]
    pub context: Option<Value>,
    /// Length of the access window.
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// Reason for the revision.
    #[serde(default)]
    pub reason: Option<String>,
    /// The revision that the caller has seen; a later one makes the call fail.
    #[serde(default)]
    pub revision: Option<u32>,
}

/// The author of a revision and their role. The requester is the author when they revise it themselves, or when the
/// system that created the request does; an operator's revision is recorded as the operator's.
fn changer(caller: &Principal, request: &Request) -> (Option<Email>, ChangeRole) {
    match caller.person() {
        Some(person) if request.is_asker(person) => (Some(person.clone()), ChangeRole::Requester),
        _ if request.asked_by == caller.key() => {
            (caller.person().or(request.requester.email.as_ref()).cloned(), ChangeRole::Requester)
        }
        person => (person.cloned(), ChangeRole::Operator),
    }
}

impl Hub {
    /// Replaces the payload of a pending request.
    ///
    /// # Errors
    /// When the request is not the caller's, has ended, or the new payload is invalid.
    pub async fn revise(&self, caller: &Principal, id: RequestId, input: ReviseInput) -> Result<RequestView, HubError> {
        require(caller, Right::Ask)?;
        input::optional("/command", input.command.as_ref(), limits::COMMAND)?;
        input::optional("/language", input.language.as_ref(), limits::SHORT)?;
        input::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        input::context(input.context.as_ref())?;
        let request = self.own(caller, id).await?;
        let (by, role) = changer(caller, &request);
        let before = request.payload;
        let payload = Payload {
            command: input.command.unwrap_or(before.command),
            language: input.language.or(before.language),
            context: input.context.or(before.context).filter(|context| !context.is_null()),
            duration_seconds: input.duration_seconds.or(before.duration_seconds),
        };
        check_payload(&request.terms.procedure, request.kind, &payload)?;
        let resource = resources::get(&mut self.store.read().await?, &request.resource).await?;
        if let Some(schema) = resource.and_then(|resource| resource.context_schema) {
            self.contexts.check(&schema, payload.context.as_ref())?;
        }
        let command = Command::Revise {
            by,
            role,
            proposal: self.rules.proposal(&request.terms.procedure.guardrails, payload).await?,
            reason: input.reason,
            // Absent fields come from the request that was just read, so it must not have been revised meanwhile.
            revision: input.revision.or(Some(request.revision)),
        };
        let outcome = self.command(id, command, caller.actor()).await?;
        self.answered(outcome).await
    }
}
