//! Signed links: the data of the page behind a link, and votes through it.

use serde::{Deserialize, Serialize};

use super::link_voting::{Voting, page_of, sign_in_need};
use super::resolved_link::ResolvedLink;
use super::vote::check_terms;
use crate::approval::{Assurance, Ballot, Choice, Command, Detail, Email, Narrowing, Status, limits};
use crate::audit::Actor;
use crate::codes::Code;
use crate::hub::{Hub, HubError, LinkProblem, RequestView, input};
use crate::identity::Session;
use crate::ids::VoteId;
use crate::links::{Intent, Link};
use crate::store::link_events::LinkEvent;
use crate::time::Timestamp;

/// The data of the page behind a link.
#[derive(Debug)]
pub struct CallbackPage {
    pub request: RequestView,
    /// The deciding group that the link is for.
    pub group: String,
    /// The button that the link belongs to.
    pub intent: Intent,
    /// Who may vote on the page, and as whom.
    pub voting: Voting,
    /// The person who has voted with the link: it is valid for one vote.
    pub used_by: Option<Email>,
    /// What the person typed before they had to sign in.
    pub draft: Option<LinkDecision>,
    /// How much of the request the message with the link contained.
    pub detail: Detail,
    /// The time at which the page was made.
    pub now: Timestamp,
}

/// A decision through a link.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LinkDecision {
    pub choice: Option<Choice>,
    /// The voter: one of the group's members.
    pub approver: Option<Email>,
    pub reason: Option<String>,
    /// Another command to approve instead of the requested one.
    pub command: Option<String>,
    /// A shorter window to approve.
    pub duration_seconds: Option<u32>,
    /// For whom a vote on a request's own page counts, as its form has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// The form's nonce; programs that post JSON need none.
    #[serde(skip)]
    pub nonce: Option<String>,
}

/// Who looks at the page of a link.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkViewer<'v> {
    pub session: Option<&'v Session>,
    /// The secret of what the browser typed before the sign-in.
    pub draft: Option<&'v str>,
}

impl Hub {
    /// Returns the data of the page behind a link. Casts no vote.
    ///
    /// # Errors
    /// When the link is forged, revoked, expired, or for an earlier revision.
    pub async fn open_link(&self, token: &str, viewer: LinkViewer<'_>) -> Result<CallbackPage, HubError> {
        let resolved = self.resolve_link(token).await?;
        let now = self.clock.now();
        if resolved.request.status == Status::Expired {
            return Err(LinkProblem::Expired.into());
        }
        let voting = self.voting(token, &resolved, viewer.session, now).await?;
        let draft = match viewer.draft.filter(|_| voting != Voting::Over) {
            Some(secret) => self.draft_of(token, secret).await?,
            None => None,
        };
        let ResolvedLink { link, request, endpoint } = resolved;
        let used_by = request.link_spent_by(&link.used()).filter(|_| viewer.session.is_none()).cloned();
        let detail = request.terms.procedure.detail;
        Ok(CallbackPage {
            request: self.view_now(request).await?,
            group: link.group.to_string(),
            intent: link.intent,
            voting,
            used_by,
            draft,
            detail: endpoint.detail.max(detail),
            now,
        })
    }

    /// Votes through a link, without a browser: the caller names the voter.
    ///
    /// # Errors
    /// When the link is no longer valid, no voter is named, or the core refuses.
    pub async fn decide_by_link(&self, token: &str, decision: LinkDecision) -> Result<RequestView, HubError> {
        let resolved = self.resolve_link(token).await?;
        let voter = named_voter(&resolved.link, decision.approver.clone(), false)?;
        let choice = choice_by(&resolved.link, decision.choice)?;
        check_terms(choice, decision.command.as_ref(), narrowing(&decision))?;
        self.vote_by_link(resolved, decision, choice, Voter::by_link(voter)).await
    }

    /// Votes with the form of a link's page: as the owner of the session, if there is one.
    ///
    /// # Errors
    /// When the link or the form is no longer valid, the person must sign in first, no voter is named, or the core
    /// refuses.
    pub async fn decide_by_form(
        &self,
        token: &str,
        decision: LinkDecision,
        session: Option<&Session>,
    ) -> Result<RequestView, HubError> {
        let resolved = self.resolve_link(token).await?;
        let ResolvedLink { link, request, .. } = &resolved;
        let possession = if link.recipient.is_some() { Assurance::Recipient } else { Assurance::Link };
        let is_open = request.status == Status::Pending;
        if is_open && sign_in_need(request, possession, session, self.clock.now()).is_some() {
            return Err(LinkProblem::SignInFirst.into());
        }
        if !self.check_form_nonce(&page_of(token, session), decision.nonce.as_deref().unwrap_or_default()) {
            return Err(LinkProblem::StaleForm.into());
        }
        let voter = match session {
            Some(session) if link.recipient.as_ref().is_some_and(|one| *one != session.person) => {
                return Err(LinkProblem::NotYours.into());
            }
            Some(session) => Voter::signed_in(session),
            None => Voter::by_link(named_voter(link, decision.approver.clone(), true)?),
        };
        let choice = choice_by(link, decision.choice)?;
        self.vote_by_link(resolved, decision, choice, voter).await
    }

    async fn vote_by_link(
        &self,
        ResolvedLink { link, request, endpoint }: ResolvedLink,
        decision: LinkDecision,
        choice: Choice,
        voter: Voter<'_>,
    ) -> Result<RequestView, HubError> {
        input::optional("/reason", decision.reason.as_ref(), limits::REASON)?;
        let narrowing = narrowing(&decision);
        let proposal = match decision.command.filter(|_| choice == Choice::Approve) {
            Some(command) => self.propose(request.id, command).await?.0,
            None => None,
        };
        let possession = if link.recipient.is_some() { Assurance::Recipient } else { Assurance::Link };
        let actor = match voter.session {
            Some(session) => Actor::Session { id: session.id, person: session.person.clone() },
            None => Actor::Link { endpoint: endpoint.name.to_string() },
        };
        let ballot = Ballot {
            id: VoteId::mint(self.clock.now()),
            voter: voter.person,
            choice,
            group: Some(link.group.clone()),
            reason: decision.reason.filter(|reason| !reason.trim().is_empty()),
            revision: Some(link.revision),
            digest: Some(request.digest),
            assurance: voter.session.map_or(possession, |session| session.method.assurance()),
            signed_in_at: voter.session.and_then(|session| session.signed_in_at),
            channel: endpoint.channel.as_str().to_owned(),
            // The next person who signs in may use the same link.
            link: voter.session.is_none().then(|| link.used()),
            on_behalf_of: None,
            narrowing: Some(narrowing).filter(|_| choice == Choice::Approve && narrowing != Narrowing::default()),
            proposal,
        };
        let outcome = self.command(request.id, Command::vote(ballot), actor).await?;
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

/// Who votes through a link.
struct Voter<'s> {
    person: Email,
    session: Option<&'s Session>,
}

impl<'s> Voter<'s> {
    const fn by_link(person: Email) -> Self {
        Self { person, session: None }
    }

    fn signed_in(session: &'s Session) -> Self {
        Self { person: session.person.clone(), session: Some(session) }
    }
}

const fn narrowing(decision: &LinkDecision) -> Narrowing {
    Narrowing { duration_seconds: decision.duration_seconds, starts_at: None }
}

/// The voter that a decision names. A program may leave out a link's only recipient, but a form must name them:
/// scanners press buttons, but choose no name.
fn named_voter(link: &Link, given: Option<Email>, by_form: bool) -> Result<Email, HubError> {
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
