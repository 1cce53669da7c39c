//! Turns at messages: where a channel's messages are changed as their request goes on, each delivery first takes its turn at the
//! message, so that no two change it at once and none undoes what a newer one has shown, on whichever replica.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::attempt::{attempt, call};
use super::message::Destination;
use super::outcome::{Class, Outcome};
use crate::approval::GroupName;
use crate::channels::{Declaration, Posting, Receipt, Way, addressed, is_aside};
use crate::delivery::context::SendContext;
use crate::delivery::egress::Composed;
use crate::store::deliveries::DeliveryState;
use crate::store::endpoints::Endpoint;
use crate::store::queue::{Claimed, Next};
use crate::store::slack::messages::{self, Change, Claimant, Message, Place, Report, TurnEnd};
use crate::store::{StoreError, requests};
use crate::time::Timestamp;

/// How long one that cannot have its turn yet waits before it looks again.
const LATER: Duration = Duration::from_secs(1);

/// A delivery's turn at a message.
pub(in crate::delivery) struct Turn {
    /// How and where it is posted.
    pub(in crate::delivery) posting: Posting,
    /// The groups whose slots may be decided from it.
    pub(in crate::delivery) groups: BTreeSet<GroupName>,
    /// Which message it is; none of what shows no request.
    place: Option<Place>,
}

/// What came of asking for a turn.
pub(in crate::delivery) enum Took {
    /// The channel has no such messages.
    None,
    /// The turn.
    Turn(Turn),
    /// It is another's; this one looks again at that moment.
    Busy(Place, Timestamp),
    /// No turn, and what becomes of the delivery instead.
    Not(Next),
}

/// What a turn needs to know of the request.
struct Found {
    turn: messages::Turn,
    is_high_risk: bool,
}

/// Takes the turn that the delivery needs.
pub(in crate::delivery) async fn take(context: &SendContext, endpoint: &Endpoint, claimed: &Claimed) -> Took {
    if Declaration::of(endpoint.channel).receipt.is_none() {
        return Took::None;
    }
    match try_take(context, endpoint, claimed).await {
        Ok(took) => took,
        Err(error) => {
            tracing::warn!(delivery = %claimed.id, error = &error as &dyn std::error::Error, "cannot take a turn");
            Took::Not(Next::Wait(context.clock.now() + LATER))
        }
    }
}

async fn try_take(context: &SendContext, endpoint: &Endpoint, claimed: &Claimed) -> Result<Took, StoreError> {
    let address = Address::of(endpoint, claimed);
    let groups = match &address {
        Address::Own(_) => endpoint.groups.clone(),
        Address::Member(_) => BTreeSet::new(),
        Address::Channel(channel) => {
            let subscriptions = context.store.lookup().subscriptions().await?;
            let here = subscriptions.iter().filter(|known| known.endpoint == endpoint.id && known.channel == *channel);
            let groups: BTreeSet<GroupName> = here.map(|known| known.group.clone()).collect();
            if groups.is_empty() {
                let reason = Some("the channel is not subscribed any more".to_owned());
                return Ok(Took::Not(Next::End { state: DeliveryState::Discarded, reason }));
            }
            groups
        }
    };
    let posting = Posting {
        shows_links: matches!(address, Address::Own(_)),
        address: address.text().to_owned(),
        way: Way::New,
        needs_page: false,
    };
    let Some(request) = claimed.event.request_id else {
        return Ok(Took::Turn(Turn { posting, groups, place: None }));
    };
    let place = Place { endpoint: endpoint.id, request, address: claimed.address.clone() };
    let rewrites = !is_aside(&claimed.event.kind);
    let Found { turn, is_high_risk } = find(context, place.clone(), claimed, rewrites).await?;
    let posting = Posting { needs_page: is_high_risk, ..posting };
    Ok(match turn {
        messages::Turn::Busy(until) => Took::Busy(place, until.min(context.clock.now() + LATER)),
        messages::Turn::Overtaken => {
            let reason = Some("the message shows something newer already".to_owned());
            Took::Not(Next::End { state: DeliveryState::Superseded, reason })
        }
        messages::Turn::Taken(message) => {
            let way = match message {
                None => Way::New,
                Some(Message { channel, ts }) if rewrites => Way::Edit { channel, ts },
                Some(Message { channel, ts }) => Way::Reply { channel, ts },
            };
            Took::Turn(Turn { posting: Posting { way, ..posting }, groups, place: Some(place) })
        }
    })
}

async fn find(context: &SendContext, place: Place, claimed: &Claimed, rewrites: bool) -> Result<Found, StoreError> {
    let now = context.clock.now();
    // Should the answer stay out, others wait as long as this one may take to arrive late: a conversation is opened, a message
    // posted, and posted once more in short form.
    let until = now + context.egress.deadline() * 3;
    let claimant = Claimant { delivery: claimed.id, event: claimed.event.id, rewrites, until };
    context
        .store
        .write(move |tx| {
            Box::pin(async move {
                let request = requests::get(tx.session(), place.request).await?;
                let turn = messages::take(tx.session(), &place, claimant, now).await?;
                let is_high_risk = request.is_some_and(|request| request.terms.procedure.high_risk);
                Ok(Found { turn, is_high_risk })
            })
        })
        .await
}

/// Where a delivery goes within its target.
enum Address {
    /// Where the endpoint points to.
    Own(String),
    /// A channel that subscribed.
    Channel(String),
    /// A member alone.
    Member(String),
}

impl Address {
    fn of(endpoint: &Endpoint, claimed: &Claimed) -> Self {
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

impl Turn {
    /// What the message is made for.
    pub(in crate::delivery) const fn destination(&self) -> Destination<'_> {
        Destination { groups: &self.groups, posting: &self.posting }
    }

    /// What a message out of turn needs, which nobody will change.
    pub(in crate::delivery) fn at_trial(endpoint: &Endpoint) -> Option<Self> {
        Declaration::of(endpoint.channel).receipt?;
        let posting = Posting { address: own(endpoint), way: Way::New, shows_links: true, needs_page: false };
        Some(Self { posting, groups: endpoint.groups.clone(), place: None })
    }

    /// Posts the message. Before the first one to a member alone, their conversation is opened.
    pub(in crate::delivery) async fn attempt(
        &self,
        context: &SendContext,
        endpoint: &Endpoint,
        claimed: &Claimed,
        said: Composed,
        now: Timestamp,
    ) -> Outcome {
        let is_first = self.posting.way == Way::New && !claimed.address.is_empty();
        if !is_first || !matches!(Address::of(endpoint, claimed), Address::Member(_)) {
            return attempt(&context.egress, endpoint, claimed, said, now).await;
        }
        let asked = json!({"users": claimed.address}).to_string();
        let opened = call(&context.egress, endpoint, "conversations.open", asked, now).await;
        let Some(Receipt::Posted { channel, .. }) = &opened.receipt else {
            let error = opened.error.clone().or_else(|| Some("Slack names no conversation".to_owned()));
            let class = if opened.class == Class::Success { Class::Transient } else { opened.class };
            return Outcome { class, end: None, error, ..opened };
        };
        match addressed(&said.body, channel) {
            Some(body) => attempt(&context.egress, endpoint, claimed, Composed { body, ..said }, now).await,
            None => Outcome::ours("the message is no object".to_owned()),
        }
    }

    /// What became of the message.
    pub(in crate::delivery) fn report(self, claimed: &Claimed, outcome: &Outcome) -> Option<TurnEnd> {
        let change = match (&outcome.receipt, outcome.class) {
            (Some(Receipt::Posted { channel, ts }), Class::Success) => match self.posting.way {
                Way::Reply { .. } => Change::None,
                Way::New | Way::Edit { .. } => Change::Shows(Message { channel: channel.clone(), ts: ts.clone() }),
            },
            (Some(Receipt::Vanished), _) => Change::Vanished,
            // It may have been heard, and act later.
            (_, Class::Transient) if outcome.status.is_none() => Change::Unknown,
            _ => Change::None,
        };
        Some(TurnEnd::Over(Report { place: self.place?, delivery: claimed.id, event: claimed.event.id, change }))
    }
}
