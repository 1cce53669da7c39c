//! Deciding in Slack: the person behind the account votes, through the same door as everybody.

use super::payload::{Deed, Member, Memory, Work, team_of};
use super::plan::{Plan, Step};
use super::reply::{Reply, form, stranger, unheard};
use crate::approval::{Assurance, Ballot, Choice, Command, Email, Request};
use crate::audit::Actor;
use crate::hub::requests::link::Followed;
use crate::hub::{Hub, HubError, input};
use crate::ids::VoteId;
use crate::links::Link;
use crate::store::chat_identities::{self, Account};
use crate::store::endpoints::Endpoint;

impl Hub {
    /// What is to be done about it. Nothing is changed yet.
    pub(super) async fn plan(&self, endpoint: &Endpoint, work: &Work) -> Result<Plan, HubError> {
        if matches!(work.deed, Deed::Unheard) {
            return Ok(Plan { step: Step::Say(unheard(&work.member)), actor: Actor::Hub });
        }
        let (account, person) = self.known(endpoint, &work.member).await?;
        let actor =
            Actor::Chat { endpoint: endpoint.name.to_string(), account: format!("{}/{}", account.team, account.user) };
        let step = match (&work.deed, person) {
            (Deed::Command { text }, person) => self.plan_command(endpoint, &work.member, text, person).await?,
            (Deed::Unheard, _) => Step::Say(Reply::Nothing),
            (_, None) => Step::Say(stranger(account)),
            (Deed::Approve { token }, Some(person)) => self.approve(token, person).await?,
            (Deed::AskWhy { token, trigger }, Some(person)) => self.ask_why(work, token, trigger, &person).await?,
            (Deed::Reject { token, reason }, Some(person)) => self.reject(token, reason, person).await?,
            (Deed::Open { token }, Some(person)) => self.show_link(token, &person).await?,
        };
        Ok(Plan { step, actor })
    }

    /// Who a member is, and by which name of their account.
    ///
    /// # Errors
    /// When the names of the account are bound to different people: neither may be voted for.
    async fn known<'m>(
        &self,
        endpoint: &'m Endpoint,
        member: &'m Member,
    ) -> Result<(&'m Account, Option<Email>), HubError> {
        let session = &mut self.store.read().await?;
        let mut found: Vec<(&Account, Email)> = Vec::new();
        // By all of its names, also those that this app does not hear: whose account it is must be beyond doubt.
        for account in member.accounts(None) {
            if let Some(person) = chat_identities::person_of(session, account).await? {
                found.push((account, person));
            }
        }
        if found.iter().any(|(_, person)| found.first().is_some_and(|(_, first)| first != person)) {
            let detail = "your account is bound to two people here: have an admin take one away";
            return Err(HubError::Forbidden(detail.to_owned()));
        }
        let heard: Vec<&Account> = member.accounts(team_of(endpoint)).collect();
        Ok(match found.into_iter().find(|(account, _)| heard.contains(account)) {
            Some((account, person)) => (account, Some(person)),
            None => (heard.first().copied().unwrap_or(&member.account), None),
        })
    }

    async fn approve(&self, token: &str, person: Email) -> Result<Step, HubError> {
        let Followed { link, request, .. } = self.follow(token).await?;
        if request.terms.procedure.high_risk {
            return self.show_link(token, &person).await;
        }
        Ok(self.ballot_on(&link, &request, person, Choice::Approve, None))
    }

    async fn reject(&self, token: &str, reason: &str, person: Email) -> Result<Step, HubError> {
        let Followed { link, request, .. } = self.follow(token).await?;
        let reason = Some(reason.to_owned()).filter(|reason| !reason.trim().is_empty());
        input::optional("/reason", reason.as_ref(), crate::approval::limits::REASON)?;
        Ok(self.ballot_on(&link, &request, person, Choice::Reject, reason))
    }

    /// The vote on what the message showed. Its link only says what that was: who votes, Slack says.
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
            channel: "slack_app".to_owned(),
            link: None,
            on_behalf_of: None,
            narrowing: None,
            proposal: None,
        };
        Step::Vote(request.id, Box::new(Command::Vote(ballot)))
    }

    async fn ask_why(&self, work: &Work, token: &str, trigger: &str, person: &Email) -> Result<Step, HubError> {
        let Followed { request, .. } = self.follow(token).await?;
        if !self.person_sees(person, &request).await? {
            return Err(not_theirs());
        }
        let memory = Memory {
            token: token.to_owned(),
            channel: work.member.channel.clone(),
            required: request.terms.procedure.reject_reason_required,
        };
        Ok(Step::Say(Reply::Form {
            trigger: trigger.to_owned(),
            view: form(&request, &memory),
            otherwise: format!(
                "The form could not be opened in time. Click again, or {}.",
                self.link_to(token, "decide here")
            ),
        }))
    }

    /// The page, for somebody who may see the request.
    async fn show_link(&self, token: &str, person: &Email) -> Result<Step, HubError> {
        let Followed { request, .. } = self.follow(token).await?;
        if !self.person_sees(person, &request).await? {
            return Err(not_theirs());
        }
        Ok(Step::Say(Reply::Text(format!(
            "{}, for you alone.",
            self.link_to(token, "Look at the whole request and decide")
        ))))
    }

    /// A link in Slack's markup. A token that was verified holds none of its marks.
    fn link_to(&self, token: &str, words: &str) -> String {
        format!("<{}/c/{token}|{words}>", self.settings.public_url)
    }
}

fn not_theirs() -> HubError {
    HubError::Forbidden("you are in none of the groups that decide this request".to_owned())
}
