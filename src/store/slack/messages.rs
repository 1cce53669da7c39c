//! The chat message that shows a request, and the lock that a delivery needs to change it.
//!
//! A message shows one event of its request. That event's id is the message's version: ids of events are in the order
//! of time. A delivery locks the message before it is sent, and releases the lock together with its result. So of two
//! changes the newer one stays, whichever arrives first. The lock is a row: it works across replicas, and expires if
//! its owner dies.

use crate::ids::{DeliveryId, EndpointId, EventId, RequestId};
use crate::store::arg::args;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Identifies the message of a request at an address of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageKey {
    pub endpoint: EndpointId,
    pub request: RequestId,
    /// A channel or member of the workspace; empty for the endpoint's own channel.
    pub address: String,
}

/// A message that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub channel: String,
    /// Slack's id of the message within the channel.
    pub ts: String,
}

/// A delivery that wants to lock a message.
#[derive(Debug, Clone, Copy)]
pub struct LockRequest {
    pub delivery: DeliveryId,
    /// The version that the message is to show.
    pub event: EventId,
    /// Whether the delivery posts or edits the message; otherwise it only replies to it.
    pub rewrites: bool,
    /// When the lock expires.
    pub until: Timestamp,
}

/// How a delivery's use of a message lock ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlock {
    /// The delivery had the lock and releases it.
    Release(MessageReport),
    /// Another delivery had the lock.
    Missed(MessageKey),
}

impl Unlock {
    /// The message that was or should have been locked.
    pub const fn key(&self) -> &MessageKey {
        match self {
            Self::Release(report) => &report.key,
            Self::Missed(key) => key,
        }
    }
}

/// The outcome of [`lock`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageLock {
    /// The delivery has the lock; with the message, if it was posted before.
    Acquired(Option<Message>),
    /// Another delivery has the lock, until this time at the latest.
    Held(Timestamp),
    /// The message already shows a newer version.
    Outdated,
}

/// What a delivery did to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageChange {
    /// The message shows the delivery's event.
    Shows(Message),
    Unchanged,
    /// The message no longer exists.
    Vanished,
    /// Unknown: the change may still take effect, so the lock is kept until it expires.
    Unknown,
}

/// The result of a delivery that had the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageReport {
    pub key: MessageKey,
    pub delivery: DeliveryId,
    pub event: EventId,
    pub change: MessageChange,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    channel: Option<String>,
    ts: Option<String>,
    version: String,
    holder: Option<String>,
    held_until: Option<i64>,
}

/// Locks the message, if the lock is free and the message shows nothing newer.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    session: &mut Session,
    key: &MessageKey,
    wanted: LockRequest,
    now: Timestamp,
) -> Result<MessageLock, StoreError> {
    let MessageKey { endpoint, request, address } = key;
    let sql = "SELECT channel, ts, version, holder, held_until FROM chat_messages
        WHERE endpoint_id = $1 AND request_id = $2 AND address = $3";
    let row: Option<Row> = session.fetch_optional(sql, args![endpoint, request, address]).await?;
    let (delivery, version) = (wanted.delivery.to_string(), wanted.event.to_string());
    let Some(row) = row else {
        let sql = "INSERT INTO chat_messages (endpoint_id, request_id, address, version, holder, held_until)
            VALUES ($1, $2, $3, '', $4, $5)";
        session.execute(sql, args![endpoint, request, address, delivery, wanted.until]).await?;
        return Ok(MessageLock::Acquired(None));
    };
    if wanted.rewrites && row.version > version {
        return Ok(MessageLock::Outdated);
    }
    let held_until = row.held_until.map(Timestamp::from_micros).filter(|until| *until > now);
    if let (Some(holder), Some(until)) = (&row.holder, held_until)
        && *holder != delivery
    {
        return Ok(MessageLock::Held(until));
    }
    let sql = "UPDATE chat_messages SET holder = $4, held_until = $5
        WHERE endpoint_id = $1 AND request_id = $2 AND address = $3";
    session.execute(sql, args![endpoint, request, address, delivery, wanted.until]).await?;
    Ok(MessageLock::Acquired(row.channel.zip(row.ts).map(|(channel, ts)| Message { channel, ts })))
}

/// Records what a delivery did to a message, and releases its lock. Writes nothing when another delivery has the lock
/// by now.
///
/// # Errors
/// When the database fails.
pub async fn unlock(session: &mut Session, report: &MessageReport) -> Result<(), StoreError> {
    let MessageReport { key: MessageKey { endpoint, request, address }, delivery, event, change } = report;
    let mine = args![endpoint, request, address, delivery];
    let (sql, values) = match change {
        MessageChange::Unknown => return Ok(()),
        MessageChange::Unchanged => (
            "UPDATE chat_messages SET holder = NULL, held_until = NULL
            WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND holder = $4",
            mine,
        ),
        MessageChange::Vanished => (
            "UPDATE chat_messages SET holder = NULL, held_until = NULL, channel = NULL, ts = NULL
            WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND holder = $4",
            mine,
        ),
        MessageChange::Shows(Message { channel, ts }) => (
            "UPDATE chat_messages SET holder = NULL, held_until = NULL, channel = $5, ts = $6, version = $7
            WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND holder = $4",
            [mine, args![channel, ts, event]].concat(),
        ),
    };
    session.execute(sql, values).await.map(drop)
}

/// Makes the deliveries due now that wait for the message's lock and were never tried, if the lock is free. Those that
/// were tried before keep their time. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn wake_waiting(session: &mut Session, key: &MessageKey, now: Timestamp) -> Result<u64, StoreError> {
    let MessageKey { endpoint, request, address } = key;
    let sql = "UPDATE deliveries SET next_attempt_at = $4
        WHERE event_id IN (SELECT id FROM events WHERE request_id = $2) AND endpoint_id = $1 AND address = $3
            AND state = 'pending' AND attempts = 0 AND next_attempt_at > $4
            AND NOT EXISTS (SELECT 1 FROM chat_messages
                WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND held_until > $4)";
    session.execute(sql, args![endpoint, request, address, now]).await
}
