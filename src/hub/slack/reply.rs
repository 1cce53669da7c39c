//! Replies to a member's action, which only that member sees.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::payload::{Member, ModalMetadata, REASON, REJECT};
use crate::approval::Request;
use crate::channels::text::cut;
use crate::channels::{slack_code, slack_text};
use crate::delivery::CallError;
use crate::hub::Hub;
use crate::store::chat_identities::Account;
use crate::store::endpoints::Endpoint;

/// Most bytes of the command that the form shows.
const COMMAND: usize = 500;
/// Longest text that Slack's field accepts.
const MAX_REASON: usize = 3_000;

/// A reply. The serialized form is stored in jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// No reply: the message itself shows the result.
    Nothing,
    /// A text in Slack's markup.
    Text(String),
    /// A form.
    Form {
        /// Slack's trigger id, valid for 3 seconds.
        trigger: String,
        view: Value,
        /// The text to send if the form cannot be opened.
        otherwise: String,
    },
}

impl Reply {
    /// A text that may contain user input, escaped.
    pub(super) fn plain(text: &str) -> Self {
        Self::Text(slack_text(text))
    }

    /// The text with a link to sign in.
    pub(super) fn with_sign_in(self, public_url: &str) -> Self {
        match self {
            Self::Text(text) => Self::Text(format!("{text} <{public_url}/sign-in|Sign in>")),
            other => other,
        }
    }

    /// The error as a sentence.
    pub(super) fn refusal(error: &dyn std::error::Error) -> Self {
        let text = error.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        Self::plain(&format!("{first}{}.", letters.as_str()))
    }
}

/// The reply to a member whose account is not linked to a person.
pub(super) fn unknown_member(account: &Account) -> Reply {
    Reply::Text(format!(
        "Your Slack account is not linked to Countersign. Type `/countersign link` and confirm the code with your own token, \
         or ask an admin to link member {} of workspace {} to you.",
        account.user, account.team
    ))
}

/// The reply to a member of a workspace that no endpoint of the app accepts. It does not reveal the accepted ones.
pub(super) fn not_accepted(member: &Member) -> Reply {
    let Account { team, user, .. } = &member.account;
    let also: Vec<&str> = member.also.iter().map(|account| &*account.team).collect();
    let also = if also.is_empty() { String::new() } else { format!(" ({})", also.join(", ")) };
    Reply::Text(format!(
        "This had no effect: Countersign does not accept members of {team}{also} here. Your account is {user}. The operator of \
         Countersign sets the accepted workspace in `slack.team` of the endpoint; in Enterprise Grid that may be the \
         organization (E…)."
    ))
}

/// The rejection form, which asks for the reason.
pub(super) fn form(request: &Request, metadata: &ModalMetadata) -> Value {
    let (command, more) = cut(&request.payload.command, COMMAND);
    let rest = if more > 0 { format!("\n✂ {more} bytes more") } else { String::new() };
    let heading = format!("*{}* on *{}*", slack_text(&request.requester.who()), request.resource);
    let command = if command.is_empty() { String::new() } else { format!("\n```{}```{rest}", slack_code(command)) };
    json!({
        "type": "modal", "callback_id": REJECT, "private_metadata": json!(metadata).to_string(),
        "title": {"type": "plain_text", "text": "Reject"}, "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": format!("{heading}{command}")}},
            {
                "type": "input", "block_id": REASON, "optional": !metadata.required,
                "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": REASON, "multiline": true, "max_length": MAX_REASON},
            },
        ],
    })
}

impl Hub {
    /// Sends a reply to the member.
    pub(super) async fn send_reply(
        &self,
        endpoint: &Endpoint,
        member: &Member,
        reply: &Reply,
    ) -> Result<(), CallError> {
        match reply {
            Reply::Nothing => Ok(()),
            Reply::Text(text) => self.send_text(endpoint, member, text).await,
            Reply::Form { trigger, view, otherwise } => {
                let body = json!({"trigger_id": trigger, "view": view});
                match self.launcher.context().call_chat(endpoint, "views.open", &body).await {
                    Ok(()) => Ok(()),
                    // The trigger has expired, or will have before a retry.
                    Err(error) => {
                        tracing::info!(endpoint = %endpoint.name, %error, "cannot open a form");
                        self.send_text(endpoint, member, otherwise).await
                    }
                }
            }
        }
    }

    async fn send_text(&self, endpoint: &Endpoint, member: &Member, text: &str) -> Result<(), CallError> {
        let user = &member.account.user;
        match (&member.response_url, &member.channel) {
            (Some(url), _) => {
                let body = json!({
                    "response_type": "ephemeral", "replace_original": false, "text": text, "unfurl_links": false,
                    "unfurl_media": false,
                });
                self.launcher.context().answer_chat(endpoint, url, &body).await
            }
            (None, Some(channel)) => {
                let body = json!({"channel": channel, "user": user, "text": text});
                self.launcher.context().call_chat(endpoint, "chat.postEphemeral", &body).await
            }
            (None, None) => Ok(()),
        }
    }
}
