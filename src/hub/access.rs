//! Access checks that all services share: scopes, which requests a caller sees and owns, and the view that they get.

use std::collections::BTreeSet;

use super::lifecycle::transition::CommandResult;
use super::{Hub, HubError, RequestView};
use crate::approval::{Command, Email, Membership, Refusal, Request, ResourceName, Status};
use crate::audit::Actor;
use crate::identity::{Principal, Right, Scope};
use crate::ids::RequestId;
use crate::store::{groups, people, requests};

/// Rejects a caller whose scope does not give the right.
pub(crate) fn require(caller: &Principal, right: Right) -> Result<(), HubError> {
    if caller.may(right) {
        return Ok(());
    }
    let scopes: Vec<&str> = right.scopes().iter().map(|scope| scope.as_str()).collect();
    let needed = if scopes.is_empty() { Scope::Admin.as_str().to_owned() } else { scopes.join(" or ") };
    Err(HubError::Forbidden(format!("this needs a token with scope {needed}")))
}

/// Rejects a caller whose token is limited to other resources.
pub(super) fn require_resource(caller: &Principal, resource: &ResourceName) -> Result<(), HubError> {
    if caller.covers(resource) {
        return Ok(());
    }
    Err(HubError::Forbidden(format!("this token is not for the resource {resource}")))
}

/// Rejects a list of all resources for a caller whose token is limited to some.
pub(super) fn require_filter(caller: &Principal, resource: Option<&ResourceName>) -> Result<(), HubError> {
    match resource {
        Some(resource) => require_resource(caller, resource),
        None if caller.is_limited() => {
            Err(HubError::Forbidden("this token is for some resources only: name one of them in resource".to_owned()))
        }
        None => Ok(()),
    }
}

/// Whether the caller's scope or ownership alone lets them see a request.
fn may_see(caller: &Principal, request: &Request) -> bool {
    let everything = [Scope::Decider, Scope::Analyst, Scope::Auditor].iter().any(|scope| caller.has(*scope));
    caller.covers(&request.resource) && (everything || is_own(caller, request))
}

/// Whether the caller created the request, or is its requester or beneficiary. Admins own every request.
pub(super) fn is_own(caller: &Principal, request: &Request) -> bool {
    let person = caller.person();
    let for_them =
        || person.is_some_and(|person| request.requester.is(person) || request.beneficiary.as_ref() == Some(person));
    let owns = caller.has(Scope::Admin) || request.asked_by == caller.key() || for_them();
    owns && caller.covers(&request.resource)
}

impl Hub {
    /// Returns the request, expired first if it is overdue.
    pub(super) async fn settled(&self, request: Request) -> Result<Request, HubError> {
        if !request.is_overdue(self.clock.now()) {
            return Ok(request);
        }
        self.command(request.id, Command::Expire, Actor::Hub).await.map(|(request, _)| request)
    }

    /// Returns a request that the caller owns.
    pub(super) async fn own(&self, caller: &Principal, id: RequestId) -> Result<Request, HubError> {
        let request = requests::get(&mut self.store.read().await?, id).await?;
        let request = request.filter(|request| is_own(caller, request)).ok_or(HubError::NotFound("request"))?;
        self.settled(request).await
    }

    /// Whether the caller may see a request: by scope, as its owner, or as a person who may decide it.
    pub(super) async fn sees(&self, caller: &Principal, request: &Request) -> Result<bool, HubError> {
        if may_see(caller, request) {
            return Ok(true);
        }
        match caller.person().filter(|_| caller.covers(&request.resource)) {
            Some(person) => self.person_decides(person, request).await,
            None => Ok(false),
        }
    }

    /// Whether a person may see a request: as its requester or beneficiary, or because they may decide it.
    pub(super) async fn person_sees(&self, person: &Email, request: &Request) -> Result<bool, HubError> {
        let for_them = request.requester.is(person) || request.beneficiary.as_ref() == Some(person);
        Ok(for_them || self.person_decides(person, request).await?)
    }

    /// Rejects a caller who may act on the request only as a member by a sign-in that is too old.
    pub(super) async fn require_fresh(&self, caller: &Principal, request: &Request) -> Result<(), HubError> {
        let Some(person) = caller.person().filter(|_| !may_see(caller, request)) else { return Ok(()) };
        match self.deciding_membership(person, request).await? {
            Some(membership) if !membership.is_fresh(self.clock.now()) => {
                let sign_in_url = self.sign_in_url();
                Err(HubError::MembershipStale { person: person.clone(), sign_in_url, request: None })
            }
            _ => Ok(()),
        }
    }

    /// Whether the person is a member of a deciding group, or a stand-in for a member. Old memberships count: without
    /// seeing the request, nobody could learn that they have to sign in again.
    async fn person_decides(&self, person: &Email, request: &Request) -> Result<bool, HubError> {
        Ok(self.deciding_membership(person, request).await?.is_some())
    }

    /// The strongest membership in a deciding group of the person, or of those they stand in for.
    async fn deciding_membership(&self, person: &Email, request: &Request) -> Result<Option<Membership>, HubError> {
        let session = &mut self.store.read().await?;
        let mut people = people::delegators(session, person, self.clock.now()).await?;
        people.push(person.clone());
        let asked = request.terms.groups();
        let roster = groups::roster_of(session, asked.iter().copied(), &people.iter().collect()).await?;
        Ok(asked.iter().flat_map(|group| roster.memberships(group)).map(|(_, membership)| membership).max())
    }

    pub(super) fn view(&self, request: Request) -> RequestView {
        RequestView::new(&request, &self.settings.public_url, None)
    }

    /// Returns the view of a request by the current memberships: approvals of people who left a group do not count.
    pub(super) async fn view_now(&self, request: Request) -> Result<RequestView, HubError> {
        let voters: BTreeSet<&Email> = request.live_votes().map(|vote| vote.seat()).collect();
        if request.status != Status::Pending || voters.is_empty() {
            return Ok(self.view(request));
        }
        let roster = groups::roster_of(&mut self.store.read().await?, request.terms.groups(), &voters).await?;
        Ok(RequestView::new(&request, &self.settings.public_url, Some(&roster)))
    }

    /// Returns the view of the request after a command, or the core's refusal with that view.
    pub(super) async fn answered(&self, (request, answer): CommandResult) -> Result<RequestView, HubError> {
        let view = self.view_now(request).await?;
        match answer {
            Ok(()) => Ok(view),
            Err(Refusal::MembershipStale(person)) => {
                let sign_in_url = self.sign_in_url();
                Err(HubError::MembershipStale { person, sign_in_url, request: Some(Box::new(view)) })
            }
            Err(refusal) => Err(HubError::Refused { refusal, status: view.status, request: Some(Box::new(view)) }),
        }
    }
}
