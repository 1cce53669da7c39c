//! Deciding many requests at once.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::vote::VoteInput;
use super::{Hub, HubError, ListFilter, check, require};
use crate::approval::{
    Choice, Command, Digest, Email, GroupName, Kind, Refusal, Request, ResourceName, Status, is_blank, limits,
};
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::store::{groups, people, requests};
use crate::time::Timestamp;

/// Most requests rejected by one call; what is left is said.
const MAX_REJECTS: u32 = 500;
/// Most requests approved by one call: each of them is to be looked at.
const MAX_APPROVALS: usize = 50;

/// Which requests; absent fields want all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkFilter {
    /// What they are about.
    #[serde(default)]
    pub resource: Option<ResourceName>,
    /// Who asked.
    #[serde(default)]
    pub requester: Option<Email>,
    /// Which group is asked.
    #[serde(default)]
    pub group: Option<GroupName>,
    /// What sort.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Asked at or after.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Asked before.
    #[serde(default)]
    pub to: Option<Timestamp>,
}

/// What to reject, and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkReject {
    /// Which.
    pub filter: BulkFilter,
    /// Why: shown with each.
    pub reason: String,
    /// Only say which ones.
    #[serde(default)]
    pub dry_run: bool,
    /// For whom a system votes.
    #[serde(default)]
    pub on_behalf_of: Option<Email>,
}

/// What to approve.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkApprove {
    /// Each with the digest that was seen.
    pub requests: Vec<Seen>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// For whom a system votes.
    #[serde(default)]
    pub on_behalf_of: Option<Email>,
}

/// A request as it was seen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Which.
    pub id: RequestId,
    /// What it asked for.
    pub digest: Digest,
}

/// What became of each.
#[derive(Debug)]
pub struct BulkAnswer {
    /// One by one.
    pub items: Vec<BulkItem>,
    /// Whether there may be more that match: call again.
    pub more: bool,
}

/// What became of one.
#[derive(Debug)]
pub struct BulkItem {
    /// Which.
    pub id: RequestId,
    /// What it asks for, as it was seen.
    pub digest: Digest,
    /// Where it stands, or why nothing was done.
    pub result: Result<Status, HubError>,
}

impl Hub {
    /// Rejects what waits and matches, as far as the caller may.
    ///
    /// # Errors
    /// When the caller may not vote, gives no reason, or the filter cannot be meant.
    pub async fn bulk_reject(&self, caller: &Principal, input: BulkReject) -> Result<BulkAnswer, HubError> {
        require(caller, &[Scope::Approver, Scope::Decider])?;
        check::text("/reason", &input.reason, limits::REASON)?;
        if is_blank(&input.reason) {
            return Err(HubError::invalid("reason_required", "/reason", "say why all of these are rejected"));
        }
        let BulkFilter { resource, requester, group, kind, from, to } = input.filter;
        check::period("invalid_period", "/filter/to", from, to)?;
        // A person's token rejects what waits for that person; a system's, what waits at all.
        let voter = input.on_behalf_of.as_ref().or(caller.person()).cloned();
        let waiting_for = voter.clone().filter(|_| group.is_none());
        let status = Some(Status::Pending);
        let filter = ListFilter { status, resource, requester, from, to, kind, group, approver: None, waiting_for };
        let (found, more) = self.found(&filter, MAX_REJECTS).await?;
        let standing = match &voter {
            Some(voter) => self.standing(voter).await?,
            None => BTreeSet::new(),
        };
        let mut items = Vec::new();
        for request in found {
            let (id, digest) = (request.id, request.digest);
            if !self.sees(caller, &request).await? {
                continue;
            }
            if input.dry_run {
                if voter.as_ref().is_some_and(|voter| !eligible(&request, voter, &standing)) {
                    continue;
                }
                items.push(BulkItem { id, digest, result: Ok(request.status) });
                continue;
            }
            let vote = VoteInput {
                reason: Some(input.reason.clone()),
                digest: Some(digest),
                on_behalf_of: input.on_behalf_of.clone(),
                ..VoteInput::default()
            };
            match self.cast(caller, id, Choice::Reject, vote).await {
                // Not the caller's to decide, and perhaps not to see: it is none of those that match.
                Err(HubError::Refused { refusal: Refusal::NotEligible(_) | Refusal::Conflict(_), .. }) => {}
                result => items.push(BulkItem { id, digest, result }),
            }
        }
        Ok(BulkAnswer { items, more })
    }

    /// Approves requests, each as it was seen. What is marked high risk is left to be approved by itself.
    ///
    /// # Errors
    /// When the caller may not vote, or names too many.
    pub async fn bulk_approve(&self, caller: &Principal, input: BulkApprove) -> Result<BulkAnswer, HubError> {
        require(caller, &[Scope::Approver, Scope::Decider])?;
        check::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        check::count("/requests", input.requests.len(), MAX_APPROVALS)?;
        let mut items = Vec::new();
        for Seen { id, digest } in input.requests {
            let known = requests::get(&mut self.store.read().await?, id).await?;
            let result = match known {
                None => Err(HubError::NotFound("request")),
                Some(request) if !self.sees(caller, &request).await? => Err(HubError::NotFound("request")),
                Some(request) if request.terms.procedure.high_risk => Err(HubError::HighRisk),
                Some(_) => {
                    let vote = VoteInput {
                        reason: input.reason.clone(),
                        digest: Some(digest),
                        on_behalf_of: input.on_behalf_of.clone(),
                        ..VoteInput::default()
                    };
                    self.cast(caller, id, Choice::Approve, vote).await
                }
            };
            items.push(BulkItem { id, digest, result });
        }
        Ok(BulkAnswer { items, more: false })
    }

    /// The groups that the person votes for: their own, and those of the members they stand in for.
    async fn standing(&self, person: &Email) -> Result<BTreeSet<GroupName>, HubError> {
        let session = &mut self.store.read().await?;
        let mut standing = groups::of_person(session, person).await?;
        for absent in people::delegators(session, person, self.clock.now()).await? {
            standing.extend(groups::of_person(session, &absent).await?);
        }
        Ok(standing)
    }

    async fn cast(
        &self,
        caller: &Principal,
        id: RequestId,
        choice: Choice,
        vote: VoteInput,
    ) -> Result<Status, HubError> {
        let ballot = self.ballot(caller, id, choice, vote).await?;
        let (request, answer) = self.command(id, Command::Vote(ballot), caller.actor()).await?;
        let status = request.status;
        answer.map(|()| status).map_err(|refusal| HubError::Refused { refusal, status, request: None })
    }
}

/// Whether the person may vote on a request, by the groups that they vote for.
fn eligible(request: &Request, person: &Email, standing: &BTreeSet<GroupName>) -> bool {
    !request.is_in_conflict(person) && request.terms.groups().into_iter().any(|group| standing.contains(group))
}
