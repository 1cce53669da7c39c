//! Deciding many requests at once.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::vote::VoteInput;
use crate::approval::{
    Choice, Digest, Email, GroupName, Kind, Refusal, Request, ResourceName, Status, is_blank, limits,
};
use crate::codes::Code;
use crate::hub::lifecycle::transition::Outcome;
use crate::hub::{Hub, HubError, ListFilter, input, require};
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::store::{groups, people, requests};
use crate::time::Timestamp;

/// Most requests rejected by one call; what is left is said.
const MAX_REJECTS: u32 = 500;
/// Most requests approved by one call: each of them is to be looked at.
const MAX_APPROVALS: usize = 50;
/// Rejects handed to the writer at once.
const AT_ONCE: usize = 64;

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
        input::text("/reason", &input.reason, limits::REASON)?;
        if is_blank(&input.reason) {
            return Err(HubError::invalid(Code::ReasonRequired, "/reason", "say why all of these are rejected"));
        }
        let BulkFilter { resource, requester, group, kind, from, to } = input.filter;
        input::period(Code::InvalidPeriod, "/filter/to", from, to)?;
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
        // What they may not approve does not wait for them. They may reject it all the same, one by one.
        let is_theirs = |request: &Request| {
            voter
                .as_ref()
                .is_none_or(|voter| !request.is_in_conflict(voter) && (!input.dry_run || is_asked(request, &standing)))
        };
        let theirs: Vec<Request> = found.into_iter().filter(is_theirs).collect();
        let mut listed = Vec::new();
        for request in theirs {
            if self.sees(caller, &request).await? {
                listed.push(request);
            }
        }
        let vote = VoteInput { reason: Some(input.reason), on_behalf_of: input.on_behalf_of, ..VoteInput::default() };
        // Many at once, so that they share commits; the answer keeps the order of the list. What each needs to read was read before.
        let items: Vec<Option<BulkItem>> = stream::iter(listed)
            .map(|request| self.reject_one(caller, request, vote.clone(), input.dry_run))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(BulkAnswer { items: items.into_iter().flatten().collect(), more })
    }

    /// Rejects one of those that match, unless it is not the caller's to decide. Reads nothing: whoever does many at once holds no reader.
    async fn reject_one(
        &self,
        caller: &Principal,
        request: Request,
        vote: VoteInput,
        dry_run: bool,
    ) -> Result<Option<BulkItem>, HubError> {
        let (id, digest) = (request.id, request.digest);
        if dry_run {
            return Ok(Some(BulkItem { id, digest, result: Ok(request.status) }));
        }
        let vote = VoteInput { digest: Some(digest), ..vote };
        Ok(match self.cast(caller, id, Choice::Reject, vote).await {
            Ok((_, Err(Refusal::NotEligible(_) | Refusal::Conflict(_)))) => None,
            outcome => Some(BulkItem { id, digest, result: status_after(outcome) }),
        })
    }

    /// Approves requests, each as it was seen. What is marked high risk is left to be approved by itself.
    ///
    /// # Errors
    /// When the caller may not vote, or names too many.
    pub async fn bulk_approve(&self, caller: &Principal, input: BulkApprove) -> Result<BulkAnswer, HubError> {
        require(caller, &[Scope::Approver, Scope::Decider])?;
        input::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        input::count("/requests", input.requests.len(), MAX_APPROVALS)?;
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
                    status_after(self.cast(caller, id, Choice::Approve, vote).await)
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
}

/// Where a request stands after a vote, or why that did nothing.
fn status_after(outcome: Result<Outcome, HubError>) -> Result<Status, HubError> {
    let (request, answer) = outcome?;
    let status = request.status;
    answer.map(|()| status).map_err(|refusal| HubError::Refused { refusal, status, request: None })
}

/// Whether one of the groups is asked.
fn is_asked(request: &Request, standing: &BTreeSet<GroupName>) -> bool {
    request.terms.groups().into_iter().any(|group| standing.contains(group))
}
