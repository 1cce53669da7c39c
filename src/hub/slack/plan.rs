//! What is to be done about a click or a command, before anything is changed; and the changes that commands make.

use std::time::Duration;

use serde_json::json;

use super::reply::Reply;
use crate::approval::{Command, Digest, Email};
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::HubError;
use crate::hub::scene::Scene;
use crate::ids::RequestId;
use crate::store::Tx;
use crate::store::chat_identities::{self, Account};
use crate::store::slack::subscriptions::{self, Subscription};

/// How long a code is good for.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// Most channels and groups that subscribe to one endpoint.
const MAX_SUBSCRIPTIONS: usize = 200;

/// What is to be done, and who does it.
pub(super) struct Plan {
    pub(super) step: Step,
    pub(super) actor: Actor,
}

/// What is to be done.
pub(super) enum Step {
    /// Nothing but to say that.
    Say(Reply),
    /// A vote.
    Vote(RequestId, Box<Command>),
    /// What a command changes.
    Change(Change),
}

/// What a command changes.
pub(super) enum Change {
    /// A code is made for an account.
    Code {
        /// Whose.
        account: Account,
        /// What they are called there.
        name: String,
        /// The code.
        code: String,
    },
    /// A channel subscribes, or no longer does.
    Subscription {
        /// Which.
        subscription: Subscription,
        /// By whom.
        person: Email,
        /// Whether it does.
        wanted: bool,
    },
}

impl Change {
    pub(super) async fn carry_out(self, tx: &mut Tx, scene: &Scene) -> Result<Reply, HubError> {
        let now = scene.clock.now();
        match self {
            Self::Code { account, name, code } => {
                let digest = Digest::of(code.as_bytes());
                chat_identities::put_code(tx.session(), &digest, &account, &name, (now, now + CODE_LIFE)).await?;
                Ok(Reply::Text(format!(
                    "Whoever confirms this code says that this account of Slack is theirs. Give it to nobody. Within 10 \
                     minutes, with your own token:\n```countersign slack link {code}```"
                )))
            }
            Self::Subscription { subscription, person, wanted } => {
                subscribe(tx, subscription, person, wanted, scene).await
            }
        }
    }
}

async fn subscribe(
    tx: &mut Tx,
    subscription: Subscription,
    person: Email,
    wanted: bool,
    scene: &Scene,
) -> Result<Reply, HubError> {
    let now = scene.clock.now();
    let group = subscription.group.clone();
    let known = tx.subscriptions().await?.iter().filter(|known| known.endpoint == subscription.endpoint).count();
    if wanted && known >= MAX_SUBSCRIPTIONS {
        return Err(HubError::conflict(Code::TooMany, format!("{MAX_SUBSCRIPTIONS} subscriptions are the most")));
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
        tx.record(&Entry { person: Some(person), details, ..Entry::new(now, action, scene.actor.clone()) })?;
    }
    Ok(Reply::plain(&match (wanted, changed) {
        (true, true) => format!("This channel hears of requests to {group} from now on. Invite me if I am not in it."),
        (true, false) => format!("This channel hears of requests to {group} already."),
        (false, true) => format!("This channel hears of requests to {group} no longer."),
        (false, false) => format!("This channel does not subscribe to {group}."),
    }))
}
