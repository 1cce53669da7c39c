//! Use of the links of a message: counts, with the first and the last time.

use super::arg::args;
use super::bulk::Bulk;
use super::{Session, StoreError};
use crate::approval::GroupName;
use crate::ids::{DeliveryId, RequestId};
use crate::time::Timestamp;

/// What happened to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkEvent {
    /// Its page was fetched, by a person or a program.
    Fetched,
    /// Its page was rendered by a browser.
    Viewed,
    /// A vote was cast with it.
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

/// An event of the links of one message for one slot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkEventKey {
    pub delivery: DeliveryId,
    pub slot: GroupName,
    pub event: LinkEvent,
}

/// How often an event happened, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub request: RequestId,
    pub count: u32,
    pub first_at: Timestamp,
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

/// Adds a tally to the stored one. Each key at most once in a transaction.
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

/// The tallies of a request's links, by message and slot.
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
