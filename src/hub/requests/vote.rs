//! Votes and cancellations through the API.

use std::time::Duration;

use serde::Deserialize;

use super::ask::check_payload;
use crate::approval::{
    Assurance, Ballot, Choice, Command, Email, GroupName, MAX_WINDOW_SECONDS, Narrowing, Payload, Proposal, limits,
};
use crate::codes::Code;
use crate::hub::lifecycle::transition::CommandResult;
use crate::hub::{Hub, HubError, RequestView, input, require};
use crate::identity::{Principal, Right, Scope};
use crate::ids::{RequestId, VoteId};
use crate::store::requests;
use crate::time::Timestamp;

/// The body of an approval or rejection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteInput {
    /// The slot to vote for; by default any that the voter is eligible for.
    #[serde(default)]
    pub group: Option<GroupName>,
    #[serde(default)]
    pub reason: Option<String>,
    /// The revision that the voter saw.
    #[serde(default)]
    pub revision: Option<u32>,
    /// The payload that the voter saw.
    #[serde(default)]
    pub digest: Option<crate::approval::Digest>,
    /// The person for whom a system votes, or the absent member for whom a person stands in.
    #[serde(default)]
    pub on_behalf_of: Option<Email>,
    /// Another command to approve instead of the requested one.
    #[serde(default)]
    pub command: Option<String>,
    /// A shorter window to approve.
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// A later start to approve.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
}

/// The body of a cancellation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelInput {
    #[serde(default)]
    pub reason: Option<String>,
}

impl Hub {
    /// Casts a vote.
    ///
    /// # Errors
    /// When the caller may not vote, or the core refuses.
    pub async fn vote(
        &self,
        caller: &Principal,
        id: RequestId,
        choice: Choice,
        input: VoteInput,
    ) -> Result<RequestView, HubError> {
        require(caller, Right::Vote)?;
        if caller.is_limited() && !self.knows_of(caller, id).await? {
            return Err(HubError::NotFound("request"));
        }
        let voted = self.cast(caller, id, choice, input).await;
        // No error may reveal a request that the caller may not see.
        if !matches!(voted, Ok((_, Ok(())))) && !self.knows_of(caller, id).await? {
            return Err(HubError::NotFound("request"));
        }
        self.answered(voted?).await
    }

    /// Casts a vote; a refusal of the core is part of the result, not an error.
    pub(super) async fn cast(
        &self,
        caller: &Principal,
        id: RequestId,
        choice: Choice,
        input: VoteInput,
    ) -> Result<CommandResult, HubError> {
        let ballot = self.ballot(caller, id, choice, input).await?;
        self.command(id, Command::vote(ballot), caller.actor()).await
    }

    async fn knows_of(&self, caller: &Principal, id: RequestId) -> Result<bool, HubError> {
        let request = requests::get(&mut self.store.read().await?, id).await?;
        match request {
            Some(request) => self.sees(caller, &request).await,
            None => Ok(false),
        }
    }

    /// Builds the ballot for the core.
    async fn ballot(
        &self,
        caller: &Principal,
        id: RequestId,
        choice: Choice,
        input: VoteInput,
    ) -> Result<Ballot, HubError> {
        require(caller, Right::Vote)?;
        input::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        let now = self.clock.now();
        let narrowing = Narrowing { duration_seconds: input.duration_seconds, starts_at: input.starts_at };
        check_start(input.starts_at, now)?;
        check_terms(choice, input.command.as_ref(), narrowing)?;
        let (voter, assurance, on_behalf_of) = voter(caller, input.on_behalf_of)?;
        let (proposal, revision) = match input.command {
            Some(command) => self.propose(id, command).await?,
            None => (None, None),
        };
        Ok(Ballot {
            id: VoteId::mint(now),
            voter,
            choice,
            group: input.group,
            reason: input.reason,
            revision: input.revision.or(revision),
            digest: input.digest,
            assurance,
            signed_in_at: caller.signed_in_at(),
            channel: "api".to_owned(),
            link: None,
            on_behalf_of,
            narrowing: Some(narrowing).filter(|narrowing| *narrowing != Narrowing::default()),
            proposal,
        })
    }

    /// Returns the proposal of another command, and the revision that it would change.
    pub(super) async fn propose(
        &self,
        id: RequestId,
        command: String,
    ) -> Result<(Option<Proposal>, Option<u32>), HubError> {
        input::text("/command", &command, limits::COMMAND)?;
        let request = requests::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("request"))?;
        let payload = Payload { command, ..request.payload };
        check_payload(&request.terms.procedure, request.kind, &payload)?;
        let proposal = self.rules.proposal(&request.terms.procedure.guardrails, payload).await?;
        Ok((Some(proposal), Some(request.revision)))
    }

    /// Cancels a pending request.
    ///
    /// # Errors
    /// When it is not the caller's, or has ended.
    pub async fn cancel(&self, caller: &Principal, id: RequestId, input: CancelInput) -> Result<RequestView, HubError> {
        require(caller, Right::Ask)?;
        input::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        self.own(caller, id).await?;
        let command = Command::Cancel { by: caller.person().cloned(), reason: input.reason };
        let outcome = self.command(id, command, caller.actor()).await?;
        self.answered(outcome).await
    }
}

/// Rejects an access start that is too far in the future.
pub(super) fn check_start(starts_at: Option<Timestamp>, now: Timestamp) -> Result<(), HubError> {
    let latest = now + Duration::from_secs(MAX_WINDOW_SECONDS.into());
    if starts_at.is_some_and(|start| start > latest) {
        return Err(HubError::invalid(Code::InvalidTimeout, "/starts_at", "access must start within 30 days"));
    }
    Ok(())
}

/// Returns the voter. A person's token or session votes as that person, perhaps as a stand-in; a system's token names the
/// voter.
fn voter(caller: &Principal, on_behalf_of: Option<Email>) -> Result<(Email, Assurance, Option<Email>), HubError> {
    let assurance = caller.assurance();
    // A person who signed in never votes as another one, whatever their role.
    let is_system = !matches!(caller, Principal::Session(_)) && caller.has(Scope::Decider);
    match (caller.person(), on_behalf_of) {
        (Some(person), None) => Ok((person.clone(), assurance, None)),
        (Some(person), Some(named)) if *person == named => Ok((named, assurance, None)),
        (_, Some(named)) if is_system => Ok((named, Assurance::Delegated, None)),
        (Some(person), named) => Ok((person.clone(), assurance, named)),
        (None, _) => {
            let detail = "this token belongs to no person: name the voter in on_behalf_of";
            Err(HubError::invalid(Code::VoterRequired, "/on_behalf_of", detail))
        }
    }
}

/// Rejects a rejection with fields that only apply to approvals: ignoring them would suggest that they had an effect.
pub(super) fn check_terms(choice: Choice, command: Option<&String>, narrowing: Narrowing) -> Result<(), HubError> {
    if choice == Choice::Reject && (command.is_some() || narrowing != Narrowing::default()) {
        let detail = "command, duration_seconds and starts_at apply to approvals only: omit them";
        return Err(HubError::invalid(Code::InvalidPayload, "", detail));
    }
    Ok(())
}
