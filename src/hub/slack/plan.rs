//! The plan of a click or command, made before anything changes, and the changes that commands make.

use std::time::Duration;

use serde_json::json;

use super::reply::Reply;
use crate::approval::{Command, Digest, Email};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::HubError;
use crate::hub::change_context::ChangeContext;
use crate::ids::RequestId;
use crate::store::Tx;
use crate::store::chat_identities::{self, Account};
use crate::store::slack::subscriptions::{self, Subscription};

/// How long a code is valid.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// Most subscriptions of one endpoint.
const MAX_SUBSCRIPTIONS: usize = 200;

/// A step to run, and the actor for the audit trail.
pub(super) struct PlannedStep {
    pub(super) step: Step,
    pub(super) actor: Actor,
}

/// The step that a click or command leads to.
pub(super) enum Step {
    /// Only a reply.
    Reply(Reply),
    Vote(RequestId, Box<Command>),
    Change(CommandChange),
}

/// A change by a slash command.
pub(super) enum CommandChange {
    /// Issues a code that links the account to a person.
    Code { account: Account, name: String, code: String },
    /// Adds a subscription, or removes it if it is not `wanted`.
    Subscription { subscription: Subscription, person: Email, wanted: bool },
}

impl CommandChange {
    pub(super) async fn carry_out(self, tx: &mut Tx, context: &ChangeContext) -> Result<Reply, HubError> {
        let now = context.clock.now();
        match self {
            Self::Code { account, name, code } => {
                let digest = Digest::of(code.as_bytes());
                chat_identities::put_code(tx.session(), &digest, &account, &name, (now, now + CODE_LIFE)).await?;
                Ok(Reply::Text(format!(
                    "Confirm this code with your own token within 10 minutes:\n```countersign slack link {code}```\nThis links \
                     your Slack account to the person who confirms it, so keep the code to yourself."
                )))
            }
            Self::Subscription { subscription, person, wanted } => {
                subscribe(tx, subscription, person, wanted, context).await
            }
        }
    }
}

async fn subscribe(
    tx: &mut Tx,
    subscription: Subscription,
    person: Email,
    wanted: bool,
    context: &ChangeContext,
) -> Result<Reply, HubError> {
    let now = context.clock.now();
    let group = subscription.group.clone();
    let known = tx.subscriptions().await?.iter().filter(|known| known.endpoint == subscription.endpoint).count();
    if wanted && known >= MAX_SUBSCRIPTIONS {
        return Err(HubError::conflict(
            Code::TooMany,
            format!("the limit is {MAX_SUBSCRIPTIONS} subscriptions: remove one first"),
        ));
    }
    let changed = if wanted {
        subscriptions::add(tx.session(), &subscription, &person, now).await?
    } else {
        subscriptions::remove(tx.session(), &subscription).await?
    };
    if changed {
        let action = if wanted { "slack.subscribed" } else { "slack.unsubscribed" };
        let details =
            json!({"endpoint": subscription.endpoint, "channel": subscription.channel, "group": subscription.group});
        tx.record(&Entry { person: Some(person), details, ..Entry::new(now, action, context.actor.clone()) })?;
    }
    Ok(Reply::plain(&match (wanted, changed) {
        (true, true) => {
            format!("This channel now receives requests to {group}. Invite me to it if I am not a member yet.")
        }
        (true, false) => format!("This channel already receives requests to {group}."),
        (false, true) => format!("This channel no longer receives requests to {group}."),
        (false, false) => format!("This channel is not subscribed to {group}."),
    }))
}
