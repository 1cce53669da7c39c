//! The message lock, for channels whose messages are edited as their request changes.
//!
//! Each delivery first acquires the lock of its chat message, which is a row in the database. Two deliveries can
//! therefore not edit a message at the same time, on any replica, and an older event cannot overwrite a newer one.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::attempt::{attempt, call};
use super::message::Destination;
use super::outcome::{Class, SendOutcome};
use crate::approval::GroupName;
use crate::channels::{Declaration, PostMode, Posting, Receipt, addressed, is_aside};
use crate::delivery::context::SendContext;
use crate::delivery::egress::Composed;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::queue::{ClaimedDelivery, Next};
use crate::store::slack::messages::{
    self, LockRequest, Message, MessageChange, MessageKey, MessageLock, MessageReport, Unlock,
};
use crate::store::{StoreError, requests};
use crate::time::Timestamp;

/// Pause before a delivery tries again to lock a message that another delivery has locked.
const LATER: Duration = Duration::from_secs(1);

/// A message that a delivery has locked.
pub(in crate::delivery) struct LockedMessage {
    /// How and where it is posted.
    pub(in crate::delivery) posting: Posting,
    /// The groups whose slots can be decided from it.
    pub(in crate::delivery) groups: BTreeSet<GroupName>,
    /// None when the message shows no request.
    key: Option<MessageKey>,
}

/// The outcome of an attempt to lock a message.
pub(in crate::delivery) enum Locking {
    /// The channel does not edit its messages.
    NotNeeded,
    Locked(LockedMessage),
    /// Another delivery has the lock; this one tries again at that time.
    Busy(MessageKey, Timestamp),
    /// The message is not locked, and the delivery is settled like this instead.
    Ended(Next),
}

/// The lock, and what the message depends on of the request.
struct Found {
    lock: MessageLock,
    is_high_risk: bool,
}

/// Locks the message that the delivery posts or edits.
pub(in crate::delivery) async fn lock(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
) -> Locking {
    if Declaration::of(endpoint.channel).receipt.is_none() {
        return Locking::NotNeeded;
    }
    match try_lock(context, endpoint, claimed).await {
        Ok(locking) => locking,
        Err(error) => {
            tracing::warn!(delivery = %claimed.id, error = &error as &dyn std::error::Error, "cannot lock the message");
            Locking::Ended(Next::Wait(context.clock.now() + LATER))
        }
    }
}

async fn try_lock(
    context: &SendContext,
    endpoint: &Endpoint,
    claimed: &ClaimedDelivery,
) -> Result<Locking, StoreError> {
    let address = Address::of(endpoint, claimed);
    let groups = match &address {
        Address::Own(_) => endpoint.groups.clone(),
        Address::Member(_) => BTreeSet::new(),
        Address::Channel(channel) => {
            let subscriptions = context.store.lookup().subscriptions().await?;
            let here = subscriptions.iter().filter(|known| known.endpoint == endpoint.id && known.channel == *channel);
            let groups: BTreeSet<GroupName> = here.map(|known| known.group.clone()).collect();
            if groups.is_empty() {
                let reason = Some("the channel is no longer subscribed".to_owned());
                return Ok(Locking::Ended(Next::End { state: DeliveryState::Discarded, reason }));
            }
            groups
        }
    };
    let posting = Posting {
        shows_links: matches!(address, Address::Own(_)),
        address: address.text().to_owned(),
        mode: PostMode::New,
        needs_page: false,
    };
    let Some(request) = claimed.event.request_id else {
        return Ok(Locking::Locked(LockedMessage { posting, groups, key: None }));
    };
    let key = MessageKey { endpoint: endpoint.id, request, address: claimed.address.clone() };
    let rewrites = !is_aside(&claimed.event.kind);
    let Found { lock, is_high_risk } = find(context, key.clone(), claimed, rewrites).await?;
    let posting = Posting { needs_page: is_high_risk, ..posting };
    Ok(match lock {
        MessageLock::Held(until) => Locking::Busy(key, until.min(context.clock.now() + LATER)),
        MessageLock::Outdated => {
            let reason = Some("the message shows something newer already".to_owned());
            Locking::Ended(Next::End { state: DeliveryState::Superseded, reason })
        }
        MessageLock::Acquired(message) => {
            let mode = match message {
                None => PostMode::New,
                Some(Message { channel, ts }) if rewrites => PostMode::Edit { channel, ts },
                Some(Message { channel, ts }) => PostMode::Reply { channel, ts },
            };
            Locking::Locked(LockedMessage { posting: Posting { mode, ..posting }, groups, key: Some(key) })
        }
    })
}

async fn find(
    context: &SendContext,
    key: MessageKey,
    claimed: &ClaimedDelivery,
    rewrites: bool,
) -> Result<Found, StoreError> {
    let now = context.clock.now();
    // If no answer arrives, the others wait until these calls can no longer take effect. There are three at most: one
    // opens a conversation, one posts the message, one posts its short form.
    let until = now + context.egress.deadline() * 3;
    let wanted = LockRequest { delivery: claimed.id, event: claimed.event.id, rewrites, until };
    context
        .store
        .write(move |tx| {
            Box::pin(async move {
                let request = requests::get(tx.session(), key.request).await?;
                let lock = messages::lock(tx.session(), &key, wanted, now).await?;
                let is_high_risk = request.is_some_and(|request| request.terms.procedure.high_risk);
                Ok(Found { lock, is_high_risk })
            })
        })
        .await
}

/// Where a delivery is posted within its workspace.
enum Address {
    /// The endpoint's own channel.
    Own(String),
    /// A subscribed channel.
    Channel(String),
    /// A direct message to a member.
    Member(String),
}

impl Address {
    fn of(endpoint: &Endpoint, claimed: &ClaimedDelivery) -> Self {
        let text = claimed.address.clone();
        match text.as_bytes().first() {
            None => Self::Own(own(endpoint)),
            Some(b'U' | b'W') => Self::Member(text),
            Some(_) => Self::Channel(text),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Own(text) | Self::Channel(text) | Self::Member(text) => text,
        }
    }
}

fn own(endpoint: &Endpoint) -> String {
    endpoint.transport.slack.as_ref().map(|app| app.channel.clone()).unwrap_or_default()
}

impl LockedMessage {
    /// The message to render for.
    pub(in crate::delivery) const fn destination(&self) -> Destination<'_> {
        Destination { groups: &self.groups, posting: &self.posting }
    }

    /// Returns the settings of a test message, which is never edited and so needs no lock.
    pub(in crate::delivery) fn at_trial(endpoint: &Endpoint) -> Option<Self> {
        Declaration::of(endpoint.channel).receipt?;
        let posting = Posting { address: own(endpoint), mode: PostMode::New, shows_links: true, needs_page: false };
        Some(Self { posting, groups: endpoint.groups.clone(), key: None })
    }

    /// Posts the message. For the first direct message to a member, opens the conversation before.
    pub(in crate::delivery) async fn attempt(
        &self,
        context: &SendContext,
        endpoint: &Endpoint,
        claimed: &ClaimedDelivery,
        message: Composed,
        now: Timestamp,
    ) -> SendOutcome {
        let is_first = self.posting.mode == PostMode::New && !claimed.address.is_empty();
        if !is_first || !matches!(Address::of(endpoint, claimed), Address::Member(_)) {
            return attempt(&context.egress, endpoint, claimed, message, now).await;
        }
        let asked = json!({"users": claimed.address}).to_string();
        let opened = call(&context.egress, endpoint, "conversations.open", asked, now).await;
        let Some(Receipt::Posted { channel, .. }) = &opened.receipt else {
            let error = opened.error.clone().or_else(|| Some("Slack's answer contains no conversation".to_owned()));
            let class = if opened.class == Class::Success { Class::Transient } else { opened.class };
            return SendOutcome { class, end: None, error, ..opened };
        };
        match addressed(&message.body, channel) {
            Some(body) => attempt(&context.egress, endpoint, claimed, Composed { body, ..message }, now).await,
            None => SendOutcome::hub_fault("the rendered message is not a JSON object".to_owned()),
        }
    }

    /// Returns what the recorder must store for the lock.
    pub(in crate::delivery) fn report(self, claimed: &ClaimedDelivery, outcome: &SendOutcome) -> Option<Unlock> {
        let change = match (&outcome.receipt, outcome.class) {
            (Some(Receipt::Posted { channel, ts }), Class::Success) => match self.posting.mode {
                PostMode::Reply { .. } => MessageChange::Unchanged,
                PostMode::New | PostMode::Edit { .. } => {
                    MessageChange::Shows(Message { channel: channel.clone(), ts: ts.clone() })
                }
            },
            (Some(Receipt::Vanished), _) => MessageChange::Vanished,
            // The call may have arrived, and take effect later.
            (_, Class::Transient) if outcome.status.is_none() => MessageChange::Unknown,
            _ => MessageChange::Unchanged,
        };
        Some(Unlock::Release(MessageReport { key: self.key?, delivery: claimed.id, event: claimed.event.id, change }))
    }
}
