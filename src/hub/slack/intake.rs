//! What comes from Slack: whether it is genuine and new, and that it is written down before Slack is answered.

use std::sync::Arc;

use serde_json::{Value, json};

use super::payload::{self, Came, Deed, Member, REASON, Work};
use super::signature::{Checked, Signed};
use crate::codes::Code;
use crate::hub::{Hub, HubError};
use crate::links::Link;
use crate::store::Signal;
use crate::store::endpoints::Endpoint;
use crate::store::slack::jobs;

/// Signing secrets that one call is held against, at most: each costs a pass over the body.
pub(in crate::hub) const MAX_SECRETS: usize = 32;

/// What Slack is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum SlackAnswer {
    /// That it came.
    Acknowledged,
    /// That, and what to show instead of going on.
    Shown(Value),
}

impl Hub {
    /// Takes a click or a form.
    ///
    /// # Errors
    /// When it is not Slack's, too old, not new, or of no app of the hub's.
    pub async fn slack_interaction(&self, signed: Signed<'_>) -> Result<SlackAnswer, HubError> {
        self.take_in(signed, payload::interaction).await
    }

    /// Takes a slash command.
    ///
    /// # Errors
    /// As [`Self::slack_interaction`].
    pub async fn slack_command(&self, signed: Signed<'_>) -> Result<SlackAnswer, HubError> {
        self.take_in(signed, payload::command).await
    }

    /// Whether a call's headers may be Slack's, whatever its body: a signature, of these minutes.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_slack_head(&self, signed: Signed<'_>) -> Result<(), HubError> {
        signed.check(self.clock.now()).map(drop).ok_or_else(forged)
    }

    async fn take_in(&self, signed: Signed<'_>, read: impl Fn(&[u8]) -> Option<Came>) -> Result<SlackAnswer, HubError> {
        let checked = signed.check(self.clock.now()).ok_or_else(forged)?;
        let apps = self.apps_of(&checked).await?;
        if apps.is_empty() {
            return Err(forged());
        }
        let unread = || HubError::invalid(Code::InvalidPayload, "", "this is nothing that Slack sends");
        match read(signed.body).ok_or_else(unread)? {
            Came::Nothing => Ok(SlackAnswer::Acknowledged),
            Came::NoReason => {
                let errors = json!({REASON: "Say why: this needs a reason."});
                Ok(SlackAnswer::Shown(json!({"response_action": "errors", "errors": errors})))
            }
            Came::Work(work) => {
                let (endpoint, work) = self.addressed(&apps, work)?;
                self.write_down(checked, endpoint, work).await?;
                Ok(SlackAnswer::Acknowledged)
            }
        }
    }

    /// The endpoints of the app that signed it.
    async fn apps_of(&self, checked: &Checked<'_>) -> Result<Vec<Arc<Endpoint>>, HubError> {
        let endpoints = self.store.lookup().endpoints().await?;
        let secret =
            |endpoint: &Arc<Endpoint>| Some(endpoint.transport.slack.as_ref()?.signing_secret.expose().to_owned());
        let mut secrets: Vec<String> = endpoints.iter().filter_map(secret).collect();
        secrets.sort_unstable();
        secrets.dedup();
        let Some(genuine) = secrets.into_iter().take(MAX_SECRETS).find(|secret| checked.is_by(secret)) else {
            return Ok(Vec::new());
        };
        Ok(endpoints.iter().filter(|endpoint| secret(endpoint).as_ref() == Some(&genuine)).cloned().collect())
    }

    /// The endpoint that it is for, and what is to be done there. Whom no endpoint of the app hears is told so, where Slack says how:
    /// otherwise nothing would tell them why their click does nothing.
    fn addressed<'a>(&self, apps: &'a [Arc<Endpoint>], work: Work) -> Result<(&'a Arc<Endpoint>, Work), HubError> {
        let is_heard = apps.iter().any(|endpoint| hears(endpoint, &work.member));
        if let (false, Some(any), Some(_)) = (is_heard, apps.first(), &work.member.response_url) {
            return Ok((any, Work { deed: Deed::Unheard, ..work }));
        }
        self.addressee(apps, &work).map(|endpoint| (endpoint, work))
    }

    /// Whose it is, of the endpoints that the app has: the one whose message was clicked on, or whose channel it is.
    fn addressee<'a>(&self, apps: &'a [Arc<Endpoint>], work: &Work) -> Result<&'a Arc<Endpoint>, HubError> {
        let mut here = apps.iter().filter(|endpoint| hears(endpoint, &work.member));
        let is_theirs = |endpoint: &&Arc<Endpoint>| match &work.deed {
            Deed::Approve { token }
            | Deed::AskWhy { token, .. }
            | Deed::Reject { token, .. }
            | Deed::Open { token } => Link::verify(token, &self.keys).is_ok_and(|link| link.endpoint == endpoint.id),
            Deed::Command { .. } | Deed::Unheard => {
                let channel = endpoint.transport.slack.as_ref().map(|app| &app.channel);
                work.member.channel.as_ref() == channel
            }
        };
        let any = here.clone().next().filter(|_| matches!(work.deed, Deed::Command { .. }));
        let detail = "no endpoint of this app hears members of this workspace, or sent this message";
        here.find(is_theirs).or(any).ok_or_else(|| HubError::Forbidden(detail.to_owned()))
    }

    async fn write_down(&self, checked: Checked<'_>, endpoint: &Endpoint, work: Work) -> Result<(), HubError> {
        let (id, endpoint, now) = (checked.id(), endpoint.id, self.clock.now());
        let text = json!(work).to_string();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !jobs::add(tx.session(), &id, endpoint, &text, now).await? {
                        let detail = "this came before: a signature is good for one call";
                        return Err(HubError::conflict(Code::SignatureUsed, detail));
                    }
                    tx.signal(Signal::SlackJobs);
                    Ok(())
                })
            })
            .await
    }
}

/// Whether an endpoint's app listens to a member, by one name or another.
fn hears(endpoint: &Endpoint, member: &Member) -> bool {
    endpoint.transport.slack.as_ref().is_some_and(|app| member.accounts(app.team.as_deref()).next().is_some())
}

fn forged() -> HubError {
    let detail = "Slack's signature does not hold: is the app's signing secret the endpoint's, and the clock right?";
    HubError::invalid(Code::SignatureInvalid, "", detail)
}
