//! Plans what a member's action in Slack does. A vote goes through the same core as every other vote.

use super::payload::{Member, ModalMetadata, SlackAction, Work, team_of};
use super::plan::{PlannedStep, Step};
use super::reply::{Reply, form, not_accepted, unknown_member};
use crate::approval::{Assurance, Ballot, Choice, Command, Email, Request};
use crate::audit::Actor;
use crate::hub::requests::resolved_link::ResolvedLink;
use crate::hub::{Hub, HubError, input};
use crate::ids::VoteId;
use crate::links::Link;
use crate::store::chat_identities::{self, Account};
use crate::store::endpoints::Endpoint;

impl Hub {
    /// Plans the work, without changing anything.
    pub(super) async fn plan(&self, endpoint: &Endpoint, work: &Work) -> Result<PlannedStep, HubError> {
        if matches!(work.action, SlackAction::NoEndpoint) {
            return Ok(PlannedStep { step: Step::Reply(not_accepted(&work.member)), actor: Actor::Hub });
        }
        let (account, person) = self.identify(endpoint, &work.member).await?;
        let actor =
            Actor::Chat { endpoint: endpoint.name.to_string(), account: format!("{}/{}", account.team, account.user) };
        let step = match (&work.action, person) {
            (SlackAction::Command { text }, person) => self.plan_command(endpoint, &work.member, text, person).await?,
            (SlackAction::NoEndpoint, _) => Step::Reply(Reply::Nothing),
            (_, None) => Step::Reply(unknown_member(account)),
            (SlackAction::Approve { token }, Some(person)) => self.approve(token, person).await?,
            (SlackAction::AskWhy { token, trigger }, Some(person)) => {
                self.ask_why(work, token, trigger, &person).await?
            }
            (SlackAction::Reject { token, reason }, Some(person)) => self.reject(token, reason, person).await?,
            (SlackAction::Open { token }, Some(person)) => self.show_link(token, &person).await?,
        };
        Ok(PlannedStep { step, actor })
    }

    /// Returns the account to record, and the person that it is linked to.
    ///
    /// # Errors
    /// When the ids of the account are linked to different people: then no vote is allowed.
    async fn identify<'m>(
        &self,
        endpoint: &'m Endpoint,
        member: &'m Member,
    ) -> Result<(&'m Account, Option<Email>), HubError> {
        let session = &mut self.store.read().await?;
        let mut found: Vec<(&Account, Email)> = Vec::new();
        // Also by ids that this app does not accept: the person must be unambiguous.
        for account in member.accounts(None) {
            if let Some(person) = chat_identities::person_of(session, account).await? {
                found.push((account, person));
            }
        }
        if found.iter().any(|(_, person)| found.first().is_some_and(|(_, first)| first != person)) {
            let detail = "your account is linked to two people here: ask an admin to remove one of the links";
            return Err(HubError::Forbidden(detail.to_owned()));
        }
        let accepted: Vec<&Account> = member.accounts(team_of(endpoint)).collect();
        Ok(match found.into_iter().find(|(account, _)| accepted.contains(account)) {
            Some((account, person)) => (account, Some(person)),
            None => (accepted.first().copied().unwrap_or(&member.account), None),
        })
    }

    async fn approve(&self, token: &str, person: Email) -> Result<Step, HubError> {
        let ResolvedLink { link, request, .. } = self.resolve_link(token).await?;
        if request.terms.procedure.high_risk {
            return self.show_link(token, &person).await;
        }
        Ok(self.ballot_on(&link, &request, person, Choice::Approve, None))
    }

    async fn reject(&self, token: &str, reason: &str, person: Email) -> Result<Step, HubError> {
        let ResolvedLink { link, request, .. } = self.resolve_link(token).await?;
        let reason = Some(reason.to_owned()).filter(|reason| !reason.trim().is_empty());
        input::optional("/reason", reason.as_ref(), crate::approval::limits::REASON)?;
        Ok(self.ballot_on(&link, &request, person, Choice::Reject, reason))
    }

    /// Plans a vote on the revision that the message showed. The link only identifies that revision; Slack identifies
    /// the voter.
    fn ballot_on(&self, link: &Link, request: &Request, person: Email, choice: Choice, reason: Option<String>) -> Step {
        let ballot = Ballot {
            id: VoteId::mint(self.clock.now()),
            voter: person,
            choice,
            group: Some(link.group.clone()),
            reason,
            revision: Some(link.revision),
            digest: Some(request.digest),
            assurance: Assurance::Chat,
            signed_in_at: None,
            channel: "slack_app".to_owned(),
            link: None,
            on_behalf_of: None,
            narrowing: None,
            proposal: None,
        };
        Step::Vote(request.id, Box::new(Command::vote(ballot)))
    }

    async fn ask_why(&self, work: &Work, token: &str, trigger: &str, person: &Email) -> Result<Step, HubError> {
        let ResolvedLink { request, .. } = self.resolve_link(token).await?;
        if !self.person_sees(person, &request).await? {
            return Err(not_theirs());
        }
        let metadata = ModalMetadata {
            token: token.to_owned(),
            channel: work.member.channel.clone(),
            required: request.terms.procedure.reject_reason_required,
        };
        Ok(Step::Reply(Reply::Form {
            trigger: trigger.to_owned(),
            view: form(&request, &metadata),
            otherwise: format!(
                "The form could not be opened in time. Click the button again, or {}.",
                self.link_to(token, "decide here")
            ),
        }))
    }

    /// Replies with the link to the page, if the person may see the request.
    async fn show_link(&self, token: &str, person: &Email) -> Result<Step, HubError> {
        let ResolvedLink { request, .. } = self.resolve_link(token).await?;
        if !self.person_sees(person, &request).await? {
            return Err(not_theirs());
        }
        Ok(Step::Reply(Reply::Text(format!(
            "{}. Only you can see this message.",
            self.link_to(token, "View the whole request and decide")
        ))))
    }

    /// A link in Slack's markup. A verified token contains none of the markup's characters.
    fn link_to(&self, token: &str, words: &str) -> String {
        format!("<{}/c/{token}|{words}>", self.settings.public_url)
    }
}

fn not_theirs() -> HubError {
    HubError::Forbidden("you are not in a group that may decide this request".to_owned())
}
