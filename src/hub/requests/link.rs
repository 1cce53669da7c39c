//! Signed links: the data of the page behind a link, and votes through it.

use super::vote::check_terms;
use crate::approval::{
    Assurance, Ballot, Choice, Command, Detail, Email, GroupName, LinkUse, Membership, Narrowing, Request, Status,
    limits,
};
use crate::audit::Actor;
use crate::codes::Code;
use crate::hub::{Hub, HubError, LinkProblem, RequestView, input};
use crate::ids::VoteId;
use crate::links::{Intent, Link};
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::groups::NamedMember;
use crate::store::link_events::LinkEvent;
use crate::store::slack::subscriptions;
use crate::store::{endpoints, groups, people, requests};
use crate::time::Timestamp;

/// The data of the page behind a link.
#[derive(Debug)]
pub struct CallbackPage {
    pub request: RequestView,
    /// The deciding group that the link is for.
    pub group: String,
    /// The button that the link belongs to.
    pub intent: Intent,
    /// The people who may vote with it.
    pub members: Vec<NamedMember>,
    /// The one person that the link is for.
    pub recipient: Option<Email>,
    /// The person who has voted with the link: it is valid for one vote.
    pub used_by: Option<Email>,
    /// Nonce of the form; `None` when there is nothing to decide.
    pub nonce: Option<String>,
    /// How much of the request the message with the link contained.
    pub detail: Detail,
    /// The time at which the page was made.
    pub now: Timestamp,
}

/// A decision through a link.
#[derive(Debug, Clone, Default)]
pub struct LinkDecision {
    pub choice: Option<Choice>,
    /// The voter: one of the group's members.
    pub approver: Option<Email>,
    pub reason: Option<String>,
    /// Another command to approve instead of the requested one.
    pub command: Option<String>,
    /// A shorter window to approve.
    pub duration_seconds: Option<u32>,
    /// The form's nonce; programs that post JSON need none.
    pub nonce: Option<String>,
}

/// A valid link, with its request and endpoint.
pub(in crate::hub) struct ResolvedLink {
    pub(in crate::hub) link: Link,
    pub(in crate::hub) request: Request,
    /// The endpoint that received the link.
    pub(in crate::hub) endpoint: Endpoint,
}

impl Hub {
    /// Returns the data of the page behind a link. Casts no vote.
    ///
    /// # Errors
    /// When the link is forged, revoked, expired, or for an earlier revision.
    pub async fn open_link(&self, token: &str) -> Result<CallbackPage, HubError> {
        let ResolvedLink { link, request, endpoint } = self.resolve_link(token).await?;
        let now = self.clock.now();
        if request.status == Status::Expired {
            return Err(LinkProblem::Expired.into());
        }
        let spent = LinkUse { delivery: link.delivery, group: link.group.clone() };
        let used_by = request.link_spent_by(&spent).cloned();
        let open = request.status == Status::Pending && used_by.is_none();
        let detail = request.terms.procedure.detail;
        let mut members = self.who_may_vote(&request, &link.group, now).await?;
        let is_for_all = link.recipient.is_none();
        members.retain(|member| link.recipient.as_ref().is_none_or(|one| *one == member.email));
        // If the link's recipient may not vote, there is no form.
        let may_vote = is_for_all || !members.is_empty();
        Ok(CallbackPage {
            request: self.view_now(request).await?,
            group: link.group.to_string(),
            intent: link.intent,
            members,
            recipient: link.recipient,
            used_by,
            nonce: (open && may_vote).then(|| Link::form_nonce(token, &self.keys, now)),
            detail: endpoint.detail.max(detail),
            now,
        })
    }

    /// Votes through a link. `by_form` says that the vote came from a browser's form, which must carry its nonce.
    ///
    /// # Errors
    /// When the link or the form is no longer valid, no voter is named, or the core refuses.
    pub async fn decide_by_link(
        &self,
        token: &str,
        decision: LinkDecision,
        by_form: bool,
    ) -> Result<RequestView, HubError> {
        let ResolvedLink { link, request, endpoint } = self.resolve_link(token).await?;
        let nonce = decision.nonce.unwrap_or_default();
        if by_form && !Link::check_form_nonce(token, &nonce, &self.keys, self.clock.now()) {
            return Err(LinkProblem::StaleForm.into());
        }
        input::optional("/reason", decision.reason.as_ref(), limits::REASON)?;
        let choice = choice_by(&link, decision.choice)?;
        let voter = voter_by(&link, decision.approver, by_form)?;
        let narrowing = Narrowing { duration_seconds: decision.duration_seconds, starts_at: None };
        if !by_form {
            // A form sends all its fields with any button.
            check_terms(choice, decision.command.as_ref(), narrowing)?;
        }
        let proposal = match decision.command.filter(|_| choice == Choice::Approve) {
            Some(command) => self.propose(request.id, command).await?.0,
            None => None,
        };
        let ballot = Ballot {
            id: VoteId::mint(self.clock.now()),
            voter,
            choice,
            group: Some(link.group.clone()),
            reason: decision.reason.filter(|reason| !reason.trim().is_empty()),
            revision: Some(link.revision),
            digest: Some(request.digest),
            assurance: if link.recipient.is_some() { Assurance::Recipient } else { Assurance::Link },
            channel: endpoint.channel.as_str().to_owned(),
            link: Some(LinkUse { delivery: link.delivery, group: link.group.clone() }),
            on_behalf_of: None,
            narrowing: Some(narrowing).filter(|_| choice == Choice::Approve && narrowing != Narrowing::default()),
            proposal,
        };
        let outcome = self
            .command(request.id, Command::Vote(ballot), Actor::Link { endpoint: endpoint.name.to_string() })
            .await?;
        if outcome.1.is_ok() {
            self.link_log.note(&link, LinkEvent::Acted, self.clock.now());
        }
        self.answered(outcome).await
    }

    /// Counts a fetch or a view of a link.
    ///
    /// # Errors
    /// When it is forged.
    pub fn note_link_event(&self, token: &str, event: LinkEvent) -> Result<(), HubError> {
        let link = Link::verify(token, &self.keys).map_err(|_| LinkProblem::Forged)?;
        self.link_log.note(&link, event, self.clock.now());
        Ok(())
    }

    /// Checks only that this hub signed the link, before the body of the call is read.
    ///
    /// # Errors
    /// When it is forged.
    pub fn check_link(&self, token: &str) -> Result<(), HubError> {
        Link::verify(token, &self.keys).map(drop).map_err(|_| LinkProblem::Forged.into())
    }

    /// The people who may vote for a slot: its members and their stand-ins. The names of people with a conflict of
    /// interest say that they may only reject.
    async fn who_may_vote(
        &self,
        request: &Request,
        slot: &GroupName,
        now: Timestamp,
    ) -> Result<Vec<NamedMember>, HubError> {
        let Some(slot) = request.terms.slots.iter().find(|known| known.slot.group == *slot) else {
            return Ok(Vec::new());
        };
        let session = &mut self.store.read().await?;
        let mut members = groups::named_members(session, slot.groups()).await?;
        let known = people::known(session, &members.iter().map(|member| &member.email).collect()).await?;
        for person in known {
            let absence = person.absence.filter(|absence| absence.covers(now));
            let Some(delegate) = absence.and_then(|absence| absence.delegate) else { continue };
            if !members.iter().any(|member| member.email == delegate) && !request.is_in_conflict(&person.email) {
                let name = format!("{delegate}, for {}", person.name);
                let absent = members.iter().find(|member| member.email == person.email);
                let membership = absent.map_or(Membership::Listed, |absent| absent.membership);
                members.push(NamedMember { email: delegate, name, membership });
            }
        }
        for member in members.iter_mut().filter(|member| !member.membership.is_fresh(now)) {
            member.name.push_str(" (must sign in again)");
        }
        for member in members.iter_mut().filter(|member| request.is_in_conflict(&member.email)) {
            member.name.push_str(" (may only reject)");
        }
        Ok(members)
    }

    /// Verifies a link, and reads its request and endpoint. The link must be for the current revision.
    pub(in crate::hub) async fn resolve_link(&self, token: &str) -> Result<ResolvedLink, HubError> {
        let link = Link::verify(token, &self.keys).map_err(|_| LinkProblem::Forged)?;
        let request = requests::get(&mut self.store.read().await?, link.request).await?;
        let request = self.settled(request.ok_or(LinkProblem::Forged)?).await?;
        let endpoint = self.receiving_endpoint(&link, &request).await?;
        if link.revision != request.revision || link.digest_prefix != Link::prefix_of(&request.digest) {
            return Err(LinkProblem::Revised.into());
        }
        if request.status == Status::Pending && self.clock.now() >= link.expires_at {
            return Err(LinkProblem::Expired.into());
        }
        Ok(ResolvedLink { link, request, endpoint })
    }

    /// The endpoint that received a link, if it would still receive that link today. A disabled endpoint counts: it may
    /// be enabled again.
    async fn receiving_endpoint(&self, link: &Link, request: &Request) -> Result<Endpoint, HubError> {
        let session = &mut self.store.read().await?;
        let endpoint = endpoints::any_state(session, link.endpoint).await?;
        let is_kept = |endpoint: &Endpoint| endpoint.state != EndpointState::Deleted;
        let endpoint = endpoint.filter(is_kept).ok_or(LinkProblem::EndpointDeleted)?;
        if link.generation != endpoint.link_generation {
            return Err(LinkProblem::CalledBack.into());
        }
        if link.recipient != endpoint.recipient {
            return Err(LinkProblem::EndpointHandedOver.into());
        }
        let slot = request.terms.slots.iter().find(|slot| slot.slot.group == link.group);
        let groups: Vec<&GroupName> =
            std::iter::once(&link.group).chain(slot.into_iter().flat_map(|slot| &slot.also)).collect();
        let serves_group = groups.iter().any(|group| endpoint.groups.contains(*group)) || {
            let subscribed = subscriptions::all(session).await?;
            subscribed.iter().any(|known| known.endpoint == endpoint.id && groups.contains(&&known.group))
        };
        let serves_resource = endpoint.resources.is_empty() || endpoint.resources.contains(&request.resource);
        if serves_group && serves_resource { Ok(endpoint) } else { Err(LinkProblem::EndpointElsewhere.into()) }
    }
}

/// The choice of a decision, or else the one that the link's button stands for.
fn choice_by(link: &Link, given: Option<Choice>) -> Result<Choice, HubError> {
    let choice = given.or(match link.intent {
        Intent::Approve => Some(Choice::Approve),
        Intent::Reject => Some(Choice::Reject),
        Intent::Review => None,
    });
    choice.ok_or_else(|| HubError::invalid(Code::DecisionRequired, "/decision", "set decision to approve or to reject"))
}

/// The voter that a decision names. A program may leave out a link's only recipient, but a form must name them:
/// scanners press buttons, but choose no name.
fn voter_by(link: &Link, given: Option<Email>, by_form: bool) -> Result<Email, HubError> {
    let named = given.or_else(|| link.recipient.clone().filter(|_| !by_form));
    let voter = named.ok_or_else(|| {
        let detail = format!("set approver to your e-mail address: that of a member of {}", link.group);
        HubError::invalid(Code::ApproverRequired, "/approver", detail)
    })?;
    if link.recipient.as_ref().is_some_and(|one| *one != voter) {
        return Err(LinkProblem::NotYours.into());
    }
    Ok(voter)
}
