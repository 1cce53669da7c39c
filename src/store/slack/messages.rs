//! The message that shows a request somewhere, and whose turn it is to change it.
//!
//! A message shows one event of its request, its version; ids of events are in the order of time. A delivery takes its turn before
//! it is sent and gives it back with its result, so that of two changes the newer one stays, whichever arrives first.

use crate::ids::{DeliveryId, EndpointId, EventId, RequestId};
use crate::store::arg::args;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Which message: the one of a request, at an address of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub endpoint: EndpointId,
    /// What it shows.
    pub request: RequestId,
    /// Where; empty for where the endpoint points to.
    pub address: String,
}

/// A message that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// In which channel.
    pub channel: String,
    /// What Slack calls it there.
    pub ts: String,
}

/// A delivery that wants to change a message.
#[derive(Debug, Clone, Copy)]
pub struct Claimant {
    /// Which.
    pub delivery: DeliveryId,
    /// What it tells.
    pub event: EventId,
    /// Whether the message shows that afterwards; else it is only answered to.
    pub rewrites: bool,
    /// How long it may take.
    pub until: Timestamp,
}

/// How a delivery's part in a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// It had the turn.
    Over(Report),
    /// It was another's.
    Missed(Place),
}

impl TurnEnd {
    /// The message that it was about.
    pub const fn place(&self) -> &Place {
        match self {
            Self::Over(report) => &report.place,
            Self::Missed(place) => place,
        }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The delivery's, with the message as far as there is one.
    Taken(Option<Message>),
    /// Another's, until that moment at most.
    Busy(Timestamp),
    /// Nobody's: the message shows something newer.
    Overtaken,
}

/// What a delivery made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It shows the delivery's event.
    Shows(Message),
    /// It is as it was.
    None,
    /// It is not there any more.
    Vanished,
    /// Nobody knows: it may change yet, so nobody else may change it before the turn is over.
    Unknown,
}

/// What is to be written down about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub place: Place,
    /// By whom.
    pub delivery: DeliveryId,
    /// What was told.
    pub event: EventId,
    /// What became of it.
    pub change: Change,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    channel: Option<String>,
    ts: Option<String>,
    version: String,
    holder: Option<String>,
    held_until: Option<i64>,
}

/// Takes the turn, if it is free and the message shows nothing newer.
///
/// # Errors
/// When the database fails.
pub async fn take(
    session: &mut Session,
    place: &Place,
    claimant: Claimant,
    now: Timestamp,
) -> Result<Turn, StoreError> {
    let Place { endpoint, request, address } = place;
    let sql = "SELECT channel, ts, version, holder, held_until FROM chat_messages
        WHERE endpoint_id = $1 AND request_id = $2 AND address = $3";
    let row: Option<Row> = session.fetch_optional(sql, args![endpoint, request, address]).await?;
    let (delivery, version) = (claimant.delivery.to_string(), claimant.event.to_string());
    let Some(row) = row else {
        let sql = "INSERT INTO chat_messages (endpoint_id, request_id, address, version, holder, held_until)
            VALUES ($1, $2, $3, '', $4, $5)";
        session.execute(sql, args![endpoint, request, address, delivery, claimant.until]).await?;
        return Ok(Turn::Taken(None));
    };
    if claimant.rewrites && row.version > version {
        return Ok(Turn::Overtaken);
    }
    let held_until = row.held_until.map(Timestamp::from_micros).filter(|until| *until > now);
    if let (Some(holder), Some(until)) = (&row.holder, held_until)
        && *holder != delivery
    {
        return Ok(Turn::Busy(until));
    }
    let sql = "UPDATE chat_messages SET holder = $4, held_until = $5
        WHERE endpoint_id = $1 AND request_id = $2 AND address = $3";
    session.execute(sql, args![endpoint, request, address, delivery, claimant.until]).await?;
    Ok(Turn::Taken(row.channel.zip(row.ts).map(|(channel, ts)| Message { channel, ts })))
}

/// Writes down what became of a message, and gives the turn back. Of a turn that is another's by now nothing is written.
///
/// # Errors
/// When the database fails.
pub async fn settle(session: &mut Session, report: &Report) -> Result<(), StoreError> {
    let Report { place: Place { endpoint, request, address }, delivery, event, change } = report;
    let mine = args![endpoint, request, address, delivery];
    let (sql, values) = match change {
        Change::Unknown => return Ok(()),
        Change::None => (
            "UPDATE chat_messages SET holder = NULL, held_until = NULL
            WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND holder = $4",
            mine,
        ),
        Change::Vanished => (
            "UPDATE chat_messages SET holder = NULL, held_until = NULL, channel = NULL, ts = NULL
            WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND holder = $4",
            mine,
        ),
        Change::Shows(Message { channel, ts }) => (
            "UPDATE chat_messages SET holder = NULL, held_until = NULL, channel = $5, ts = $6, version = $7
            WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND holder = $4",
            [mine, args![channel, ts, event]].concat(),
        ),
    };
    session.execute(sql, values).await.map(drop)
}

/// Makes those due at once that wait for their turn at the message and were never tried, if nobody has it; answers how many. Those
/// tried before have a moment of their own.
///
/// # Errors
/// When the database fails.
pub async fn pass_on(session: &mut Session, place: &Place, now: Timestamp) -> Result<u64, StoreError> {
    let Place { endpoint, request, address } = place;
    let sql = "UPDATE deliveries SET next_attempt_at = $4
        WHERE event_id IN (SELECT id FROM events WHERE request_id = $2) AND endpoint_id = $1 AND address = $3
            AND state = 'pending' AND attempts = 0 AND next_attempt_at > $4
            AND NOT EXISTS (SELECT 1 FROM chat_messages
                WHERE endpoint_id = $1 AND request_id = $2 AND address = $3 AND held_until > $4)";
    session.execute(sql, args![endpoint, request, address, now]).await
}
