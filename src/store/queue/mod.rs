//! Deliveries as a queue: what is due is leased, sent, and settled.
//!
//! A lease comes with a fencing number, which guards every later write: an owner whose lease ran out and was given to another can
//! change nothing any more. Never tried ones come first, then those tried before, then what is asked for again by hand.

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

/// Which part of an endpoint's queue a delivery stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Never tried.
    Fresh,
    /// Tried before.
    Retry,
    /// Asked for again by hand.
    Replay,
}

impl Tier {
    /// In the order in which they are sent.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Retry, Self::Replay];

    const fn number(self) -> i64 {
        match self {
            Self::Fresh => 0,
            Self::Retry => 1,
            Self::Replay => 2,
        }
    }
}

/// A delivery that this process may send, until its lease ends.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    /// Its name.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// Guards every later write.
    pub fence: i64,
    /// Until when it is this process's.
    pub lease_until: Timestamp,
    /// Which part of the queue it stands in.
    pub tier: Tier,
    /// Attempts made before this one.
    pub attempts: u32,
    /// How many of them were made before the delivery was last asked for again: its schedule began anew then.
    pub attempts_before: u32,
    /// How many since then the schedule does not count.
    pub uncharged: u32,
    /// How many since then were never recorded by who made them: whether they were made at all nobody knows.
    pub lost: u32,
    /// When the delivery was made.
    pub created_at: Timestamp,
    /// Where within the target; empty for where the endpoint points to.
    pub address: String,
    /// What is told.
    pub event: Arc<Event>,
    /// The request that the event is about, as it stood at [`ClaimedDelivery::seen_at`]. None when nobody looked: what is sent at once is
    /// not held against what it says a moment ago.
    pub now: Option<RequestNow>,
    /// When the request was looked at, or the delivery was made.
    pub seen_at: Timestamp,
}

impl ClaimedDelivery {
    /// One that was never tried and is this process's from its making on.
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

/// How far a request is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestNow {
    /// Where it stands.
    pub status: Status,
    /// Which version of its payload is asked for.
    pub revision: u32,
    /// When it is too late to decide, if it is pending.
    pub expires_at: Timestamp,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Tried again at that moment.
    Retry(Timestamp),
    /// It ends there.
    End {
        /// How.
        state: DeliveryState,
        /// Why, when that is not plain.
        reason: Option<String>,
    },
    /// Given back, as if it had never been taken: it is due at that moment.
    GiveBack(Timestamp),
    /// The same, but only for a wait: its owner looks for it again at that moment.
    Wait(Timestamp),
}

/// What is to be written down about a leased delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// As it was claimed.
    pub fence: i64,
    /// Which part of the queue it stood in.
    pub tier: Tier,
    /// Attempts made before.
    pub attempts: u32,
    /// How many of them the schedule does not count.
    pub uncharged: u32,
    /// The attempt that was made, if one was.
    pub attempt: Option<Attempt>,
    /// Whether the schedule counts it.
    pub charged: bool,
    /// What becomes of it.
    pub next: Next,
}

impl Settlement {
    /// Of a claimed delivery that was not tried.
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

/// How many deliveries may be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// All in all.
    pub fresh: u32,
    /// Of those that are not [`Tier::Fresh`].
    pub later: u32,
}

/// What may be leased of one endpoint's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimQuota {
    /// Whose queue.
    pub endpoint: EndpointId,
    /// How much of it.
    pub room: Room,
    /// Which tiers have something due, in the order of [`Tier::ALL`]; the others are not looked at.
    pub due: [bool; 3],
}

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    id: String,
}

fn bad<E: std::error::Error + Send + Sync + 'static>(id: &str, column: &'static str) -> impl Fn(E) -> StoreError {
    move |cause| StoreError::inconsistent("deliveries", column, id, cause)
}
