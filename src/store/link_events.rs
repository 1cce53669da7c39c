//! Who looked at the links of a message, and what came of them: counts, with the first and the last time.

use super::arg::args;
use super::bulk::Bulk;
use super::{Session, StoreError};
use crate::approval::GroupName;
use crate::ids::{DeliveryId, RequestId};
use crate::time::Timestamp;

/// What happened to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkEvent {
    /// Its page was asked for, by whatever program.
    Fetched,
    /// Its page was drawn, as browsers do.
    Viewed,
    /// A vote came by it.
    Acted,
}

impl LinkEvent {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Viewed => "viewed",
            Self::Acted => "acted",
        }
    }
}

/// The links of one message for one slot, and what happened to them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkEventKey {
    /// The message.
    pub delivery: DeliveryId,
    /// The slot.
    pub slot: GroupName,
    /// What happened.
    pub event: LinkEvent,
}

/// How often, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The request that the links are about.
    pub request: RequestId,
    /// How often.
    pub count: u32,
    /// The first time.
    pub first_at: Timestamp,
    /// The last time.
    pub last_at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    delivery_id: String,
    slot: String,
    kind: String,
    count: i64,
    first_at: i64,
    last_at: i64,
}

static LINK_EVENTS: Bulk = Bulk::new(
    10,
    "INSERT INTO link_events (delivery_id, slot, kind, request_id, count, first_at, last_at)",
    7,
    "ON CONFLICT (delivery_id, slot, kind) DO UPDATE SET count = link_events.count + excluded.count,
        first_at = CASE WHEN excluded.first_at < link_events.first_at THEN excluded.first_at ELSE link_events.first_at END,
        last_at = CASE WHEN excluded.last_at > link_events.last_at THEN excluded.last_at ELSE link_events.last_at END",
);

/// Adds to what is on record. Each key at most once in a transaction.
pub fn add(session: &mut Session, key: &LinkEventKey, tally: &Tally) {
    let values = args![
        &key.delivery,
        &key.slot,
        key.event.as_str(),
        &tally.request,
        tally.count,
        tally.first_at,
        tally.last_at,
    ];
    session.add(&LINK_EVENTS, values);
}

/// What happened to the links of a request, by message and slot.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_request(session: &mut Session, id: RequestId) -> Result<Vec<(LinkEventKey, Tally)>, StoreError> {
    let sql = "SELECT delivery_id, slot, kind, count, first_at, last_at FROM link_events WHERE request_id = $1
        ORDER BY delivery_id, slot, kind LIMIT 1000";
    let rows: Vec<Row> = session.fetch_all(sql, args![&id]).await?;
    rows.into_iter().map(|row| row.into_tally(id)).collect()
}

impl Row {
    fn into_tally(self, request: RequestId) -> Result<(LinkEventKey, Tally), StoreError> {
        let delivery = self.delivery_id.as_str();
        let key = LinkEventKey {
            delivery: delivery
                .parse()
                .map_err(|cause| StoreError::inconsistent("link_events", "delivery_id", delivery, cause))?,
            slot: self
                .slot
                .parse()
                .map_err(|cause| StoreError::inconsistent("link_events", "slot", delivery, cause))?,
            event: match self.kind.as_str() {
                "viewed" => LinkEvent::Viewed,
                "acted" => LinkEvent::Acted,
                _ => LinkEvent::Fetched,
            },
        };
        let count = u32::try_from(self.count).unwrap_or(u32::MAX);
        let (first_at, last_at) = (Timestamp::from_micros(self.first_at), Timestamp::from_micros(self.last_at));
        Ok((key, Tally { request, count, first_at, last_at }))
    }
}
