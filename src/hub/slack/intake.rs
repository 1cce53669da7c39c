//! Accepts calls from Slack: verifies the signature, rejects repeats, and stores the job before Slack is answered.

use std::sync::Arc;

use serde_json::{Value, json};

use super::payload::{self, Incoming, Member, REASON, SlackAction, Work};
use super::signature::{Checked, Signed};
use crate::codes::Code;
use crate::hub::{Hub, HubError};
use crate::links::Link;
use crate::store::Signal;
use crate::store::endpoints::Endpoint;
use crate::store::slack::jobs;

/// Most signing secrets that a call is verified with: each costs a pass over the body.
pub(in crate::hub) const MAX_SECRETS: usize = 32;

/// The answer to a call from Slack.
#[derive(Debug, Clone, PartialEq)]
pub enum SlackAnswer {
    /// An empty body.
    Acknowledged,
    /// A body that makes Slack show an error in the form.
    Shown(Value),
}

impl Hub {
    /// Accepts a click or a submitted form.
    ///
    /// # Errors
    /// When the signature is invalid, too old or used before, or no endpoint accepts the member.
    pub async fn slack_interaction(&self, signed: Signed<'_>) -> Result<SlackAnswer, HubError> {
        self.accept(signed, payload::interaction).await
    }

    /// Accepts a slash command.
    ///
    /// # Errors
    /// As [`Self::slack_interaction`].
    pub async fn slack_command(&self, signed: Signed<'_>) -> Result<SlackAnswer, HubError> {
        self.accept(signed, payload::command).await
    }

    /// Checks a call's headers before its body is read: the signature must have the right form and be recent.
    ///
    /// # Errors
    /// When it does not, or is too old.
    pub fn check_slack_head(&self, signed: Signed<'_>) -> Result<(), HubError> {
        signed.check(self.clock.now()).map(drop).ok_or_else(forged)
    }

    async fn accept(
        &self,
        signed: Signed<'_>,
        read: impl Fn(&[u8]) -> Option<Incoming>,
    ) -> Result<SlackAnswer, HubError> {
        let checked = signed.check(self.clock.now()).ok_or_else(forged)?;
        let apps = self.apps_of(&checked).await?;
        if apps.is_empty() {
            return Err(forged());
        }
        let invalid = || HubError::invalid(Code::InvalidPayload, "", "the body is not a Slack interaction or command");
        match read(signed.body).ok_or_else(invalid)? {
            Incoming::Nothing => Ok(SlackAnswer::Acknowledged),
            Incoming::NoReason => {
                let errors = json!({REASON: "A reason is required."});
                Ok(SlackAnswer::Shown(json!({"response_action": "errors", "errors": errors})))
            }
            Incoming::Work(work) => {
                let (endpoint, work) = self.route(&apps, work)?;
                self.enqueue(checked, endpoint, work).await?;
                Ok(SlackAnswer::Acknowledged)
            }
        }
    }

    /// The endpoints of the app that signed the call.
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

    /// Returns the endpoint for the work. If no endpoint of the app accepts the member, the work becomes a reply that
    /// says so: otherwise the member would not know why the click has no effect. This needs a response URL.
    fn route<'a>(&self, apps: &'a [Arc<Endpoint>], work: Work) -> Result<(&'a Arc<Endpoint>, Work), HubError> {
        let is_accepted = apps.iter().any(|endpoint| accepts(endpoint, &work.member));
        if let (false, Some(any), Some(_)) = (is_accepted, apps.first(), &work.member.response_url) {
            return Ok((any, Work { action: SlackAction::NoEndpoint, ..work }));
        }
        self.addressee(apps, &work).map(|endpoint| (endpoint, work))
    }

    /// Returns the endpoint of the app whose message was clicked, or whose channel the command was typed in.
    fn addressee<'a>(&self, apps: &'a [Arc<Endpoint>], work: &Work) -> Result<&'a Arc<Endpoint>, HubError> {
        let mut accepting = apps.iter().filter(|endpoint| accepts(endpoint, &work.member));
        let is_addressed = |endpoint: &&Arc<Endpoint>| match &work.action {
            SlackAction::Approve { token }
            | SlackAction::AskWhy { token, .. }
            | SlackAction::Reject { token, .. }
            | SlackAction::Open { token } => {
                Link::verify(token, &self.keys).is_ok_and(|link| link.endpoint == endpoint.id)
            }
            SlackAction::Command { .. } | SlackAction::NoEndpoint => {
                let channel = endpoint.transport.slack.as_ref().map(|app| &app.channel);
                work.member.channel.as_ref() == channel
            }
        };
        let any = accepting.clone().next().filter(|_| matches!(work.action, SlackAction::Command { .. }));
        let detail = "this app has no endpoint for members of this workspace, or none that sent this message";
        accepting.find(is_addressed).or(any).ok_or_else(|| HubError::Forbidden(detail.to_owned()))
    }

    async fn enqueue(&self, checked: Checked<'_>, endpoint: &Endpoint, work: Work) -> Result<(), HubError> {
        let (id, endpoint, now) = (checked.id(), endpoint.id, self.clock.now());
        let text = json!(work).to_string();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !jobs::add(tx.session(), &id, endpoint, &text, now).await? {
                        let detail = "this call was already received: a signature is valid for one call";
                        return Err(HubError::conflict(Code::SignatureUsed, detail));
                    }
                    tx.signal(Signal::SlackJobs);
                    Ok(())
                })
            })
            .await
    }
}

/// Whether an endpoint's app accepts a member, by any id of their account.
fn accepts(endpoint: &Endpoint, member: &Member) -> bool {
    endpoint.transport.slack.as_ref().is_some_and(|app| member.accounts(app.team.as_deref()).next().is_some())
}

fn forged() -> HubError {
    let detail = "Slack's signature is invalid: check the endpoint's signing secret and the hub's clock";
    HubError::invalid(Code::SignatureInvalid, "", detail)
}
