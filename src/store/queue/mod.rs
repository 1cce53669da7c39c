//! The queue of deliveries: how they are claimed, sent and settled.
//!
//! The rows of `deliveries` are the queue, and the only truth. A row is `pending` with a due time, `leased` with the
//! end of a lease, or in a final state. A replica sends only deliveries that it has leased. Each lease has a fencing
//! token, `fence`: a counter in the row, which every claim increments.
//!
//! The life of a delivery:
//!
//! 1. **Creation.** The transaction of an event inserts its deliveries. Where the scheduler has reserved room, a
//!    delivery is *born leased* ([`ClaimedDelivery::fresh`], fence 1), and sent right after the commit. This saves the
//!    claim, which would be a second transaction for each message. The others are `pending` and due at once.
//! 2. **Claim.** The dispatcher reads [`due_times`]: for each endpoint, when each [`Tier`] has a delivery due.
//!    [`claim()`] then leases due deliveries for all endpoints that have room ([`ClaimQuota`]): never tried ones first,
//!    then retries, then replays, so that retries and replays of a failing target do not delay new messages. It also
//!    reads the status of the requests, so that a message that asks for a decision is not sent once the decision is
//!    made ([`RequestNow`]).
//! 3. **Waiting.** A claimed delivery may wait in the scheduler's endpoint queue. Its lease is [extended](extend)
//!    meanwhile. A delivery that cannot be sent for a while is given back ([`Next::GiveBack`]), without using up an
//!    attempt.
//! 4. **Settle.** The result is a [`Settlement`]: with or without an attempt, and what is [`Next`]: a retry at a later
//!    time, a final state, or back to `pending`. [`settle()`] writes many in one statement.
//!
//! The fence guards every write after the claim: [`settle()`] and [`extend`] change a row only if it is `leased` and has
//! the fence of the claim. An owner that was too slow finds its deliveries missing in the result, and changes nothing.
//! The store has one write transaction at a time, so two claims cannot take the same row, and no `SKIP LOCKED` is
//! needed.
//!
//! Owners that die. The only sign of a dead replica is that its leases run out. [`release_overrun`] then
//! makes these deliveries `pending` again, and records an attempt of class `lost`: it is unknown whether the message
//! was sent. On SQLite no other process can use the database, so a starting hub takes over all leases at once
//! ([`release_all`]). Leases and due times are by the clocks of the replicas. Those that lie further ahead than a
//! correct clock can have set were set before a clock was set back, and are repaired: [`release_beyond`],
//! [`bring_forward`].
//!
//! What may be lost, and what may not: a delivery is created with its event in one transaction, and ends in exactly one
//! final state, so no message is lost. Messages are sent at least once: when an owner dies after a send and before its
//! result is committed, the message is sent again. Receivers recognise it by its `webhook-id`, the id of the event.

mod claim;
mod read;
mod settle;

pub use claim::{bring_forward, claim, release_all, release_beyond, release_overrun};
pub use read::{DueTimes, database_time, due_times, latest, next_overrun, overdue, request_now};
pub use settle::{extend, settle};

use std::sync::Arc;

use super::StoreError;
use super::deliveries::{Attempt, DeliveryState, FIRST_FENCE};
use super::events::Event;
use crate::approval::Status;
use crate::ids::{DeliveryId, EndpointId};
use crate::time::Timestamp;

/// The priority of a delivery within its endpoint's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Never tried.
    Fresh,
    /// Tried before.
    Retry,
    /// Replayed: sent again on demand after it had ended.
    Replay,
}

impl Tier {
    /// In the order of sending.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Retry, Self::Replay];

    const fn number(self) -> i64 {
        match self {
            Self::Fresh => 0,
            Self::Retry => 1,
            Self::Replay => 2,
        }
    }
}

/// A delivery that this process has leased.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    pub id: DeliveryId,
    pub endpoint_id: EndpointId,
    /// The fencing token of the claim; guards every later write.
    pub fence: i64,
    pub lease_until: Timestamp,
    pub tier: Tier,
    /// Attempts made before this one.
    pub attempts: u32,
    /// How many of them were made before the last replay, which restarted the retry schedule.
    pub attempts_before: u32,
    /// How many since then do not count in the schedule, because the hub or the network was at fault.
    pub uncharged: u32,
    /// How many since then are lost: their owner died, and it is unknown whether they were made.
    pub lost: u32,
    pub created_at: Timestamp,
    /// A channel or member of a Slack workspace; empty for the endpoint's own target.
    pub address: String,
    pub event: Arc<Event>,
    /// The state of the event's request at [`ClaimedDelivery::seen_at`]. None for a born-leased delivery: it is sent at
    /// once, so its request need not be checked.
    pub now: Option<RequestNow>,
    /// When the request was read, or the delivery was created.
    pub seen_at: Timestamp,
}

impl ClaimedDelivery {
    /// A born-leased delivery.
    pub const fn fresh(
        id: DeliveryId,
        endpoint_id: EndpointId,
        event: Arc<Event>,
        created_at: Timestamp,
        lease_until: Timestamp,
    ) -> Self {
        Self {
            id,
            endpoint_id,
            fence: FIRST_FENCE,
            lease_until,
            tier: Tier::Fresh,
            attempts: 0,
            attempts_before: 0,
            uncharged: 0,
            lost: 0,
            created_at,
            address: String::new(),
            event,
            now: None,
            seen_at: created_at,
        }
    }
}

/// The state of a request that decides whether a message is still wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestNow {
    pub status: Status,
    pub revision: u32,
    /// The deadline of a pending request.
    pub expires_at: Timestamp,
}

/// What happens to a leased delivery next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A retry, at this time.
    Retry(Timestamp),
    /// A final state.
    End {
        state: DeliveryState,
        /// Where the state alone does not explain it.
        reason: Option<String>,
    },
    /// Given back without an attempt, as if it had not been claimed; due at this time.
    GiveBack(Timestamp),
    /// The same, for a short wait: its owner claims it again at this time.
    Wait(Timestamp),
}

/// The result of a leased delivery, to be recorded.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub id: DeliveryId,
    pub endpoint_id: EndpointId,
    /// The fencing token of the claim.
    pub fence: i64,
    pub tier: Tier,
    /// Attempts made before this one.
    pub attempts: u32,
    /// How many of them do not count in the retry schedule.
    pub uncharged: u32,
    /// None when no attempt was made.
    pub attempt: Option<Attempt>,
    /// Whether the attempt counts in the retry schedule.
    pub charged: bool,
    pub next: Next,
}

impl Settlement {
    /// For a claimed delivery without an attempt.
    pub const fn untried(claimed: &ClaimedDelivery, next: Next) -> Self {
        Self {
            id: claimed.id,
            endpoint_id: claimed.endpoint_id,
            fence: claimed.fence,
            tier: claimed.tier,
            attempts: claimed.attempts,
            uncharged: claimed.uncharged,
            attempt: None,
            charged: false,
            next,
        }
    }
}

/// How many deliveries may be claimed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// In total.
    pub fresh: u32,
    /// In tiers other than [`Tier::Fresh`].
    pub later: u32,
}

/// What [`claim()`] may lease of one endpoint's deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimQuota {
    pub endpoint: EndpointId,
    pub room: Room,
    /// Which tiers have a delivery due, in the order of [`Tier::ALL`]; the others are not queried.
    pub due: [bool; 3],
}

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    id: String,
}

fn bad<E: std::error::Error + Send + Sync + 'static>(id: &str, column: &'static str) -> impl Fn(E) -> StoreError {
    move |cause| StoreError::inconsistent("deliveries", column, id, cause)
}
