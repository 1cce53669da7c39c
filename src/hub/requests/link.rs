//! Deciding through a signed link.

use super::vote::check_terms;
use crate::approval::{
    Assurance, Ballot, Choice, Command, Detail, Email, GroupName, LinkUse, Narrowing, Request, Status, limits,
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

/// What the page behind a link shows.
#[derive(Debug)]
pub struct CallbackPage {
    /// The request.
    pub request: RequestView,
    /// The deciding group that the link speaks for.
    pub group: String,
    /// What its button promised.
    pub intent: Intent,
    /// Who may vote with it.
    pub members: Vec<NamedMember>,
    /// The one person that the link is for.
    pub recipient: Option<Email>,
    /// Who has cast the one vote that this link is good for.
    pub used_by: Option<Email>,
    /// For the form; absent when there is nothing to decide.
    pub nonce: Option<String>,
    /// How much of the request the message held that brought the link.
    pub detail: Detail,
    /// The moment that the page was made for.
    pub now: Timestamp,
}

/// A decision that came by a link.
#[derive(Debug, Clone, Default)]
pub struct LinkDecision {
    /// Approve or reject.
    pub choice: Option<Choice>,
    /// Who decides: one of the group's members.
    pub approver: Option<Email>,
    /// Why.
    pub reason: Option<String>,
    /// Another command to approve in place of what is asked.
    pub command: Option<String>,
    /// A shorter window to approve.
    pub duration_seconds: Option<u32>,
    /// The form's nonce; programs that post JSON need none.
    pub nonce: Option<String>,
}

/// A link that is good.
pub(in crate::hub) struct Followed {
    pub(in crate::hub) link: Link,
    pub(in crate::hub) request: Request,
    /// That was sent it.
    pub(in crate::hub) endpoint: Endpoint,
}

impl Hub {
    /// What a link leads to. Changes no decision.
    ///
    /// # Errors
    /// When the link is forged, called back, expired, or of an earlier revision.
    pub async fn open_link(&self, token: &str) -> Result<CallbackPage, HubError> {
        let Followed { link, request, endpoint } = self.follow(token).await?;
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
        // A person's link is a form for them or for nobody.
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

    /// Votes through a link. `by_form` says that it came from a browser's form, which must carry its nonce.
    ///
    /// # Errors
    /// When the link or the form is dead, nobody is named, or the core refuses.
    pub async fn decide_by_link(
        &self,
        token: &str,
        decision: LinkDecision,
        by_form: bool,
    ) -> Result<RequestView, HubError> {
        let Followed { link, request, endpoint } = self.follow(token).await?;
        let nonce = decision.nonce.unwrap_or_default();
        if by_form && !Link::check_form_nonce(token, &nonce, &self.keys, self.clock.now()) {
            return Err(LinkProblem::StaleForm.into());
        }
        input::optional("/reason", decision.reason.as_ref(), limits::REASON)?;
        let choice = decision.choice.or(match link.intent {
            Intent::Approve => Some(Choice::Approve),
            Intent::Reject => Some(Choice::Reject),
            Intent::Review => None,
        });
        let choice = choice.ok_or_else(|| {
            HubError::invalid(Code::DecisionRequired, "/decision", "say in decision whether to approve or to reject")
        })?;
        // A form says whom it means also where that can be only one: a scanner presses buttons, and chooses nobody.
        let named = decision.approver.or_else(|| link.recipient.clone().filter(|_| !by_form));
        let voter = named.ok_or_else(|| {
            let detail = format!("say in approver who you are: the e-mail address of a member of {}", link.group);
            HubError::invalid(Code::ApproverRequired, "/approver", detail)
        })?;
        if link.recipient.as_ref().is_some_and(|one| *one != voter) {
            return Err(LinkProblem::NotYours.into());
        }
        let narrowing = Narrowing { duration_seconds: decision.duration_seconds, starts_at: None };
        if !by_form {
            // A form sends all its fields with either button.
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

    /// Notes that a link was looked at, if it is one of ours.
    ///
    /// # Errors
    /// When it is forged.
    pub fn saw_link(&self, token: &str, event: LinkEvent) -> Result<(), HubError> {
        let link = Link::verify(token, &self.keys).map_err(|_| LinkProblem::Forged)?;
        self.link_log.note(&link, event, self.clock.now());
        Ok(())
    }

    /// Whether this hub made the link: for whoever wants to know before reading what comes with it.
    ///
    /// # Errors
    /// When it is forged.
    pub fn check_link(&self, token: &str) -> Result<(), HubError> {
        Link::verify(token, &self.keys).map(drop).map_err(|_| LinkProblem::Forged.into())
    }

    /// Who may vote for a slot: its members and who stands in for them. Those in conflict may only reject, which is said with their names.
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
                members.push(NamedMember { email: delegate, name });
            }
        }
        for member in members.iter_mut().filter(|member| request.is_in_conflict(&member.email)) {
            member.name.push_str(" (may only reject)");
        }
        Ok(members)
    }

    /// The link's fields, its request and its endpoint, if the link still stands for what waits or was decided.
    pub(in crate::hub) async fn follow(&self, token: &str) -> Result<Followed, HubError> {
        let link = Link::verify(token, &self.keys).map_err(|_| LinkProblem::Forged)?;
        let request = requests::get(&mut self.store.read().await?, link.request).await?;
        let request = self.settled(request.ok_or(LinkProblem::Forged)?).await?;
        let endpoint = self.sent_to(&link, &request).await?;
        if link.revision != request.revision || link.digest_prefix != Link::prefix_of(&request.digest) {
            return Err(LinkProblem::Revised.into());
        }
        if request.status == Status::Pending && self.clock.now() >= link.expires_at {
            return Err(LinkProblem::Expired.into());
        }
        Ok(Followed { link, request, endpoint })
    }

    /// The endpoint that was sent a link, as far as it would be sent that link today. One that is switched off for failing would be once
    /// it is back.
    async fn sent_to(&self, link: &Link, request: &Request) -> Result<Endpoint, HubError> {
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
        let speaks_for = groups.iter().any(|group| endpoint.groups.contains(*group)) || {
            let subscribed = subscriptions::all(session).await?;
            subscribed.iter().any(|known| known.endpoint == endpoint.id && groups.contains(&&known.group))
        };
        let hears_of = endpoint.resources.is_empty() || endpoint.resources.contains(&request.resource);
        if speaks_for && hears_of { Ok(endpoint) } else { Err(LinkProblem::EndpointElsewhere.into()) }
    }
}
