//! Bulk decisions: rejecting all requests that match a filter, and approving a list of requests.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::vote::VoteInput;
use crate::approval::{
    Choice, Digest, Email, GroupName, Kind, Refusal, Request, ResourceName, Status, is_blank, limits,
};
use crate::codes::Code;
use crate::hub::lifecycle::transition::CommandResult;
use crate::hub::{Hub, HubError, ListFilter, RequestView, input, require};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::store::{groups, people, requests};
use crate::time::Timestamp;

/// Most requests rejected by one call; the answer reports when more match.
const MAX_REJECTS: u32 = 500;
/// Most requests approved by one call: a person should read each of them.
const MAX_APPROVALS: usize = 50;
/// Concurrent rejections.
const AT_ONCE: usize = 64;

/// Filter of pending requests; absent fields match all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkFilter {
    #[serde(default)]
    pub resource: Option<ResourceName>,
    #[serde(default)]
    pub requester: Option<Email>,
    /// A deciding group.
    #[serde(default)]
    pub group: Option<GroupName>,
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Created at or after.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Created before.
    #[serde(default)]
    pub to: Option<Timestamp>,
}

/// The body of a bulk rejection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkReject {
    pub filter: BulkFilter,
    /// Shown with each request.
    pub reason: String,
    /// Only list the requests that would be rejected.
    #[serde(default)]
    pub dry_run: bool,
    /// The person for whom a system votes.
    #[serde(default)]
    pub on_behalf_of: Option<Email>,
}

/// The body of a bulk approval.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkApprove {
    pub requests: Vec<SeenRequest>,
    #[serde(default)]
    pub reason: Option<String>,
    /// The person for whom a system votes.
    #[serde(default)]
    pub on_behalf_of: Option<Email>,
}

/// A request with the digest of the payload that the voter saw.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenRequest {
    pub id: RequestId,
    pub digest: Digest,
}

/// The results of a bulk call.
#[derive(Debug)]
pub struct BulkAnswer {
    pub items: Vec<BulkItem>,
    /// Whether more requests may match: call again.
    pub more: bool,
}

/// The result for one request.
#[derive(Debug)]
pub struct BulkItem {
    pub id: RequestId,
    /// Digest of the payload that the vote was cast on.
    pub digest: Digest,
    /// The status after the vote, or why the vote failed.
    pub result: Result<Status, HubError>,
    /// The request, in a list of what would be rejected.
    pub request: Option<Box<RequestView>>,
}

impl Hub {
    /// Rejects the pending requests that match and that the caller may decide.
    ///
    /// # Errors
    /// When the caller may not vote, gives no reason, or the filter is invalid.
    pub async fn bulk_reject(&self, caller: &Principal, input: BulkReject) -> Result<BulkAnswer, HubError> {
        require(caller, Right::Vote)?;
        input::text("/reason", &input.reason, limits::REASON)?;
        if is_blank(&input.reason) {
            return Err(HubError::invalid(
                Code::ReasonRequired,
                "/reason",
                "a bulk rejection requires a reason: add one",
            ));
        }
        let BulkFilter { resource, requester, group, kind, from, to } = input.filter;
        input::period(Code::InvalidPeriod, "/filter/to", from, to)?;
        // A person's token rejects the requests that wait for that person, a system's token all pending ones.
        let voter = input.on_behalf_of.as_ref().or(caller.person()).cloned();
        let waiting_for = voter.clone().filter(|_| group.is_none());
        let status = Some(Status::Pending);
        let filter = ListFilter { status, resource, requester, from, to, kind, group, approver: None, waiting_for };
        let (found, more) = self.matching(&filter, MAX_REJECTS).await?;
        let groups_of_voter = match &voter {
            Some(voter) => self.voting_groups(voter).await?,
            None => BTreeSet::new(),
        };
        // Requests that the voter may not approve do not wait for them. They may still reject those one by one.
        let is_theirs = |request: &Request| {
            voter.as_ref().is_none_or(|voter| {
                !request.is_in_conflict(voter) && (!input.dry_run || is_asked(request, &groups_of_voter))
            })
        };
        let theirs: Vec<Request> = found.into_iter().filter(is_theirs).collect();
        let mut listed = Vec::new();
        let is_own_queue = voter.as_ref() == caller.person();
        for request in theirs {
            // Who is asked sees it, which costs no look-up of its own.
            let is_asked = is_own_queue && caller.covers(&request.resource) && is_asked(&request, &groups_of_voter);
            if is_asked || self.sees(caller, &request).await? {
                listed.push(request);
            }
        }
        let vote = VoteInput { reason: Some(input.reason), on_behalf_of: input.on_behalf_of, ..VoteInput::default() };
        // Concurrent, so that the rejections share commits. The answer keeps the order of the list.
        let items: Vec<Option<BulkItem>> = stream::iter(listed)
            .map(|request| self.reject_one(caller, request, vote.clone(), input.dry_run))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(BulkAnswer { items: items.into_iter().flatten().collect(), more })
    }

    /// Rejects one matching request; `None` if the caller may not decide it. It uses no reader, since many run
    /// concurrently.
    async fn reject_one(
        &self,
        caller: &Principal,
        request: Request,
        vote: VoteInput,
        dry_run: bool,
    ) -> Result<Option<BulkItem>, HubError> {
        let (id, digest) = (request.id, request.digest);
        if dry_run {
            let (result, request) = (Ok(request.status), Some(Box::new(self.view(request))));
            return Ok(Some(BulkItem { id, digest, result, request }));
        }
        let vote = VoteInput { digest: Some(digest), ..vote };
        Ok(match self.cast(caller, id, Choice::Reject, vote).await {
            Ok((_, Err(Refusal::NotEligible(_) | Refusal::NotStandIn { .. } | Refusal::Conflict(_)))) => None,
            outcome => Some(BulkItem { id, digest, result: status_after(outcome), request: None }),
        })
    }

    /// Approves requests, each by the digest that the voter saw. High-risk requests must be approved individually.
    ///
    /// # Errors
    /// When the caller may not vote, or names too many.
    pub async fn bulk_approve(&self, caller: &Principal, input: BulkApprove) -> Result<BulkAnswer, HubError> {
        require(caller, Right::Vote)?;
        input::optional("/reason", input.reason.as_ref(), limits::REASON)?;
        input::count("/requests", input.requests.len(), MAX_APPROVALS)?;
        let mut items = Vec::new();
        for SeenRequest { id, digest } in input.requests {
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
            items.push(BulkItem { id, digest, result, request: None });
        }
        Ok(BulkAnswer { items, more: false })
    }

    /// The groups that the person votes for: their own, and those of the members for whom they stand in.
    async fn voting_groups(&self, person: &Email) -> Result<BTreeSet<GroupName>, HubError> {
        let session = &mut self.store.read().await?;
        let mut groups_of_voter = groups::of_person(session, person).await?;
        for absent in people::delegators(session, person, self.clock.now()).await? {
            groups_of_voter.extend(groups::of_person(session, &absent).await?);
        }
        Ok(groups_of_voter)
    }
}

/// The status of a request after a vote, or the error.
fn status_after(outcome: Result<CommandResult, HubError>) -> Result<Status, HubError> {
    let (request, answer) = outcome?;
    let status = request.status;
    answer.map(|()| status).map_err(|refusal| HubError::Refused { refusal, status, request: None })
}

/// Whether one of the groups decides the request.
fn is_asked(request: &Request, groups_of_voter: &BTreeSet<GroupName>) -> bool {
    request.terms.groups().into_iter().any(|group| groups_of_voter.contains(group))
}
