//! Deliveries: one event for one endpoint, with its attempts. [`queue`](super::queue) claims and settles them,
//! [`delivery_log`](super::delivery_log) lists them.

use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use super::arg::{args, chunks};
use super::bulk::Bulk;
use super::codec::unwire;
use super::{Session, StoreError};
use crate::ids::{DeliveryId, EndpointId, EventId, RequestId};
use crate::time::Timestamp;

/// The state of a delivery. All but the first two are final, and each delivery reaches exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its next attempt.
    Pending,
    /// Claimed by a process, which sends it.
    Leased,
    /// The target confirmed the receipt.
    Delivered,
    /// The target accepted it. For a Teams workflow this means only that a flow started.
    Accepted,
    /// The last attempt failed.
    Failed,
    /// The request's deadline passed before it could be sent.
    Expired,
    /// The request was decided or changed before it could be sent.
    Superseded,
    /// It is no longer to be sent; the reason says why.
    Discarded,
}

impl DeliveryState {
    /// The name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Discarded => "discarded",
        }
    }
}

/// A new delivery: due at once, or born leased.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub event_id: EventId,
    pub endpoint_id: EndpointId,
    pub request_id: Option<RequestId>,
    pub created_at: Timestamp,
    /// For a born-leased delivery, which this process sends as soon as it is committed: the end of its lease. Its fence
    /// is [`FIRST_FENCE`].
    pub lease_until: Option<Timestamp>,
    /// A channel or member of a Slack workspace; empty for the endpoint's own target.
    pub address: String,
}

/// The fence of a born-leased delivery.
pub const FIRST_FENCE: i64 = 1;

static DELIVERIES: Bulk = Bulk::new(
    4,
    "INSERT INTO deliveries (id, event_id, endpoint_id, request_id, state, attempts, lost, next_attempt_at, fence,
        leased_at, lease_until, created_at, address)",
    13,
    "",
);

/// An attempt and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    pub started_at: Timestamp,
    pub duration_us: i64,
    /// One of [`CLASSES`](super::attempts::CLASSES).
    pub class: String,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
}

/// A delivery as the API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event_id: EventId,
    /// The event's type.
    pub event: String,
    pub endpoint_id: EndpointId,
    /// A channel or member of a Slack workspace; empty for the endpoint's own target.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    pub request_id: Option<RequestId>,
    pub state: DeliveryState,
    pub attempts: u32,
    /// How often it was replayed.
    pub replays: u32,
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<String>,
}

#[derive(sqlx_macros::FromRow)]
pub(super) struct Row {
    pub(super) id: String,
    event_id: String,
    event: String,
    endpoint_id: String,
    address: String,
    request_id: Option<String>,
    state: String,
    attempts: i64,
    replays: i64,
    next_attempt_at: Option<i64>,
    created_at: i64,
    ended_at: Option<i64>,
    end_reason: Option<String>,
}

/// Adds a delivery.
pub fn insert(session: &mut Session, new: &NewDelivery) {
    let is_leased = new.lease_until.is_some();
    let values = args![
        &new.id,
        &new.event_id,
        &new.endpoint_id,
        new.request_id.as_ref(),
        if is_leased { "leased" } else { "pending" },
        0_u32,
        0_u32,
        (!is_leased).then_some(new.created_at),
        if is_leased { FIRST_FENCE } else { 0 },
        is_leased.then_some(new.created_at),
        new.lease_until,
        new.created_at,
        &new.address,
    ];
    session.add(&DELIVERIES, values);
}

/// Finds an endpoint that is disabled or deleted and still has pending deliveries, with the reason to discard them.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn unwanted(session: &mut Session) -> Result<Option<(EndpointId, String)>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Unwanted {
        id: String,
        state: String,
        disabled_reason: Option<String>,
    }
    let sql = "SELECT id, state, disabled_reason FROM endpoints e WHERE state <> 'active'
            AND EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending') LIMIT 1";
    let row: Option<Unwanted> = session.fetch_optional(sql, args![]).await?;
    row.map(|Unwanted { id, state, disabled_reason }| {
        let reason = match disabled_reason {
            _ if state == "deleted" => "the endpoint was deleted".to_owned(),
            Some(reason) => format!("the endpoint was switched off: {reason}"),
            None => "the endpoint is switched off".to_owned(),
        };
        Ok((id.parse().map_err(|cause| StoreError::inconsistent("endpoints", "id", &id, cause))?, reason))
    })
    .transpose()
}

/// Discards up to `limit` pending deliveries of an endpoint that is disabled or deleted; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn discard_some(
    session: &mut Session,
    endpoint: EndpointId,
    reason: &str,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let sql = "UPDATE deliveries SET state = 'discarded', next_attempt_at = NULL, ended_at = $1, end_reason = $2
        WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $3 AND state = 'pending' LIMIT $4)
            AND EXISTS (SELECT 1 FROM endpoints WHERE id = $3 AND state <> 'active')";
    session.execute(sql, args![now, reason, &endpoint, limit]).await
}

/// Replays deliveries that have ended: they are pending again, in the last tier, and their retry schedule starts from
/// the beginning. Deliveries that have not ended stay unchanged. Returns how many are replayed.
///
/// # Errors
/// When the database fails.
pub async fn reopen(session: &mut Session, ids: &[DeliveryId], now: Timestamp) -> Result<u64, StoreError> {
    let mut count = 0;
    for (places, mut values) in chunks(ids) {
        values.push(now.into());
        let sql = format!(
            "UPDATE deliveries SET state = 'pending', tier = 2, next_attempt_at = ${}, ended_at = NULL, end_reason = NULL,
                replays = replays + 1, attempts_before = attempts, uncharged = 0, lost = 0
            WHERE id IN ({places}) AND state NOT IN ('pending', 'leased')",
            values.len()
        );
        count += session.execute(AssertSqlSafe(sql), values).await?;
    }
    Ok(count)
}

/// The columns of a [`Row`].
pub(super) const SELECT: &str =
    "SELECT d.id, d.event_id, e.type AS event, d.endpoint_id, d.address, d.request_id, d.state, d.attempts,
        d.replays, d.next_attempt_at, d.created_at, d.ended_at, d.end_reason
    FROM deliveries d JOIN events e ON e.id = d.event_id";

/// One delivery.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let sql = AssertSqlSafe(format!("{SELECT} WHERE d.id = $1"));
    let row: Option<Row> = session.fetch_optional(sql, args![&id]).await?;
    row.map(Row::into_delivery).transpose()
}

/// A delivery about a request, with where it went and why not.
#[derive(Debug, Clone)]
pub struct Told {
    pub delivery: Delivery,
    /// The endpoint's name.
    pub endpoint: Option<String>,
    /// The error of the last attempt.
    pub error: Option<String>,
}

#[derive(sqlx_macros::FromRow)]
struct ToldRow {
    #[sqlx(flatten)]
    delivery: Row,
    endpoint: Option<String>,
    error: Option<String>,
}

/// Up to `limit` deliveries about a request, newest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn told(session: &mut Session, request: RequestId, limit: u32) -> Result<Vec<Told>, StoreError> {
    let sql = "SELECT d.id, d.event_id, e.type AS event, d.endpoint_id, d.address, d.request_id, d.state, d.attempts,
            d.replays, d.next_attempt_at, d.created_at, d.ended_at, d.end_reason, p.name AS endpoint,
            (SELECT a.error FROM attempts a WHERE a.delivery_id = d.id ORDER BY a.number DESC LIMIT 1) AS error
        FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN endpoints p ON p.id = d.endpoint_id
        WHERE e.request_id = $1 ORDER BY d.id DESC LIMIT $2";
    let rows: Vec<ToldRow> = session.fetch_all(sql, args![&request, limit]).await?;
    let told =
        |ToldRow { delivery, endpoint, error }| Ok(Told { delivery: Row::into_delivery(delivery)?, endpoint, error });
    Ok(session.unreadable().convert_some(rows, told))
}

/// The attempts of a delivery, in order.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn attempts(session: &mut Session, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
    let sql = "SELECT number, started_at, duration_us, class, status, error, answer FROM attempts
        WHERE delivery_id = $1 ORDER BY number";
    let rows: Vec<AttemptRow> = session.fetch_all(sql, args![&id]).await?;
    rows.into_iter().map(|row| row.into_attempt(&id)).collect()
}

#[derive(sqlx_macros::FromRow)]
pub(super) struct AttemptRow {
    number: i64,
    started_at: i64,
    duration_us: i64,
    class: String,
    status: Option<i64>,
    error: Option<String>,
    answer: Option<String>,
}

impl AttemptRow {
    pub(super) fn into_attempt(self, delivery: &impl ToString) -> Result<Attempt, StoreError> {
        let bad = |column| move |cause| StoreError::inconsistent("attempts", column, delivery.to_string(), cause);
        Ok(Attempt {
            number: u32::try_from(self.number).map_err(bad("number"))?,
            started_at: Timestamp::from_micros(self.started_at),
            duration_us: self.duration_us,
            class: self.class,
            status: self.status.map(u16::try_from).transpose().map_err(bad("status"))?,
            error: self.error,
            answer: self.answer,
        })
    }
}

impl Row {
    pub(super) fn into_delivery(self) -> Result<Delivery, StoreError> {
        let id = self.id.as_str();
        let bad = |column| move |cause| StoreError::inconsistent("deliveries", column, id, cause);
        let count = |column, count: i64| {
            u32::try_from(count).map_err(|cause| StoreError::inconsistent("deliveries", column, id, cause))
        };
        Ok(Delivery {
            id: id.parse().map_err(bad("id"))?,
            event_id: self.event_id.parse().map_err(bad("event_id"))?,
            event: self.event,
            endpoint_id: self.endpoint_id.parse().map_err(bad("endpoint_id"))?,
            address: self.address,
            request_id: self.request_id.map(|id| id.parse()).transpose().map_err(bad("request_id"))?,
            state: unwire(self.state).map_err(|cause| StoreError::inconsistent("deliveries", "state", id, cause))?,
            attempts: count("attempts", self.attempts)?,
            replays: count("replays", self.replays)?,
            next_attempt_at: self.next_attempt_at.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(self.created_at),
            ended_at: self.ended_at.map(Timestamp::from_micros),
            end_reason: self.end_reason,
        })
    }
}
