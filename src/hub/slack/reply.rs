//! What is said to whoever did something in Slack: to them alone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::payload::{Member, Memory, REASON, REJECT};
use crate::approval::Request;
use crate::channels::text::cut;
use crate::channels::{slack_code, slack_text};
use crate::delivery::CallError;
use crate::hub::Hub;
use crate::store::chat_identities::Account;
use crate::store::endpoints::Endpoint;

/// Bytes of the command that the form shows.
const COMMAND: usize = 500;
/// Longest text that Slack's field takes.
const MAX_REASON: usize = 3_000;

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// Nothing: the message itself shows it.
    Nothing,
    /// A text in Slack's markup.
    Text(String),
    /// A form, and what to say when it cannot be opened.
    Form {
        /// Opens it, for 3 seconds.
        trigger: String,
        /// The form.
        view: Value,
        /// What to say otherwise.
        otherwise: String,
    },
}

impl Reply {
    /// What somebody else wrote, or may have.
    pub(super) fn plain(text: &str) -> Self {
        Self::Text(slack_text(text))
    }

    /// Why it is not done, in plain words.
    pub(super) fn refusal(error: &dyn std::error::Error) -> Self {
        let text = error.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        Self::plain(&format!("{first}{}.", letters.as_str()))
    }
}

/// What somebody is told whom the hub does not know.
pub(super) fn stranger(account: &Account) -> Reply {
    Reply::Text(format!(
        "Countersign does not know who you are. Type `/countersign link`, and confirm the code that you get with your own \
         token; or have an admin bind member {} of workspace {} to you.",
        account.user, account.team
    ))
}

/// What somebody is told whose workspace no endpoint of the app listens to. Which ones it does listen to is not told.
pub(super) fn unheard(member: &Member) -> Reply {
    let Account { team, user, .. } = &member.account;
    let also: Vec<&str> = member.also.iter().map(|account| &*account.team).collect();
    let also = if also.is_empty() { String::new() } else { format!(" ({})", also.join(", ")) };
    Reply::Text(format!(
        "This does nothing: Countersign does not listen to members of {team}{also} here. Your account is {user}. Whoever runs \
         Countersign sets which workspace it listens to, as `slack.team` of its endpoint: in Enterprise Grid that may be the \
         organization (E…)."
    ))
}

/// The form that asks why.
pub(super) fn form(request: &Request, memory: &Memory) -> Value {
    let (command, more) = cut(&request.payload.command, COMMAND);
    let rest = if more > 0 { format!("\n✂ {more} bytes more") } else { String::new() };
    let asked = format!("*{}* on *{}*", slack_text(&request.requester.who()), request.resource);
    let command = if command.is_empty() { String::new() } else { format!("\n```{}```{rest}", slack_code(command)) };
    json!({
        "type": "modal", "callback_id": REJECT, "private_metadata": json!(memory).to_string(),
        "title": {"type": "plain_text", "text": "Reject"}, "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": format!("{asked}{command}")}},
            {
                "type": "input", "block_id": REASON, "optional": !memory.required,
                "label": {"type": "plain_text", "text": "Why?"},
                "element": {"type": "plain_text_input", "action_id": REASON, "multiline": true, "max_length": MAX_REASON},
            },
        ],
    })
}

impl Hub {
    /// Says it.
    pub(super) async fn say(&self, endpoint: &Endpoint, member: &Member, reply: &Reply) -> Result<(), CallError> {
        match reply {
            Reply::Nothing => Ok(()),
            Reply::Text(text) => self.tell(endpoint, member, text).await,
            Reply::Form { trigger, view, otherwise } => {
                let body = json!({"trigger_id": trigger, "view": view});
                match self.launcher.context().call_chat(endpoint, "views.open", &body).await {
                    Ok(()) => Ok(()),
                    // Its time is over, or will be.
                    Err(error) => {
                        tracing::info!(endpoint = %endpoint.name, %error, "cannot open a form");
                        self.tell(endpoint, member, otherwise).await
                    }
                }
            }
        }
    }

    async fn tell(&self, endpoint: &Endpoint, member: &Member, text: &str) -> Result<(), CallError> {
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
