//! Deciding and taking back through the API.

use serde::Deserialize;

use super::transition::Outcome;
use super::{Hub, HubError, RequestView, check, require};
use crate::approval::{Assurance, Ballot, Choice, Command, Email, GroupName, limits};
use crate::identity::{Principal, Scope};
use crate::ids::{RequestId, VoteId};
use crate::store::requests;

/// What comes with an approve or reject.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteInput {
    /// The slot to vote for; without one, any that the voter is eligible for.
    #[serde(default)]
    pub group: Option<GroupName>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// The revision that the voter saw.
    #[serde(default)]
    pub revision: Option<u32>,
    /// The payload that the voter saw.
    #[serde(default)]
    pub digest: Option<crate::approval::Digest>,
    /// For whom a system votes.
    #[serde(default)]
    pub on_behalf_of: Option<Email>,
}

/// What comes with a cancel.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelInput {
    /// Why.
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
        require(caller, &[Scope::Approver, Scope::Decider])?;
        check::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        let (voter, assurance) = voter(caller, input.on_behalf_of)?;
        let ballot = Ballot {
            id: VoteId::mint(self.clock.now()),
            voter,
            choice,
            group: input.group,
            reason: input.reason,
            revision: input.revision,
            digest: input.digest,
            assurance,
            channel: "api".to_owned(),
            link: None,
        };
        let (request, answer) = self.command(id, Command::Vote(ballot), caller.actor()).await?;
        let status = request.status;
        match answer {
            Err(refusal) if !self.sees(caller, &request).await? => {
                Err(HubError::Refused { refusal, status, request: None })
            }
            answer => self.answered((request, answer)).await,
        }
    }

    /// Takes a request back.
    ///
    /// # Errors
    /// When it is not the caller's, or ended before.
    pub async fn cancel(&self, caller: &Principal, id: RequestId, input: CancelInput) -> Result<RequestView, HubError> {
        require(caller, &[Scope::Requester])?;
        check::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        let request = requests::get(&mut self.store.read().await?, id).await?;
        let request = request.filter(|request| super::query::may_see(caller, request));
        request.ok_or(HubError::NotFound("request"))?;
        let command = Command::Cancel { by: caller.person().cloned(), reason: input.reason };
        let outcome = self.command(id, command, caller.actor()).await?;
        self.answered(outcome).await
    }

    /// The request as it stands now, or the core's refusal with it.
    pub(super) async fn answered(&self, (request, answer): Outcome) -> Result<RequestView, HubError> {
        let view = self.view_now(request).await?;
        match answer {
            Ok(()) => Ok(view),
            Err(refusal) => Err(HubError::Refused { refusal, status: view.status, request: Some(Box::new(view)) }),
        }
    }
}

/// Whose vote it is: a person's own token votes as that person, a system's names somebody.
fn voter(caller: &Principal, on_behalf_of: Option<Email>) -> Result<(Email, Assurance), HubError> {
    match (caller.person(), on_behalf_of) {
        (Some(person), None) => Ok((person.clone(), Assurance::Token)),
        (Some(person), Some(named)) if *person == named => Ok((named, Assurance::Token)),
        (_, Some(named)) if caller.has(Scope::Decider) => Ok((named, Assurance::Delegated)),
        (Some(person), Some(_)) => {
            Err(HubError::Forbidden(format!("this token votes as {person} only: leave on_behalf_of out")))
        }
        (None, _) => {
            let detail = "this token belongs to no person: say in on_behalf_of whose vote it is";
            Err(HubError::invalid("voter_required", "/on_behalf_of", detail))
        }
    }
}
