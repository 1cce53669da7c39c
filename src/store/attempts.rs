//! The log of an endpoint's attempts over all its deliveries, read by keyset pages from an index.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::arg::args;
use super::deliveries::{Attempt, AttemptRow};
use super::{Session, StoreError};
use crate::ids::{DeliveryId, EndpointId};
use crate::time::Timestamp;

/// Every class of an attempt's outcome. `lost` marks attempts whose outcome is unknown.
pub const CLASSES: [&str; 13] = [
    "success",
    "permanent",
    "gone",
    "throttled",
    "transient",
    "tls",
    "forbidden",
    "resolve",
    "proxy",
    "credentials",
    "setup",
    "exhausted",
    "lost",
];

/// Attempts read in one round of a list.
const ROUND: u32 = 200;
/// Most rounds of one call.
const ROUNDS: usize = 25;

/// Which attempts to list; absent fields match all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One of [`CLASSES`].
    pub class: Option<String>,
    /// The HTTP status of the target's answer.
    pub status: Option<u16>,
    /// Started at or after.
    pub from: Option<Timestamp>,
    /// Started before.
    pub to: Option<Timestamp>,
}

/// An attempt, with its delivery and event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logged {
    pub delivery_id: DeliveryId,
    /// The event's type.
    pub event: String,
    #[serde(flatten)]
    pub attempt: Attempt,
}

/// The keyset position of an attempt in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptPosition {
    started_at: Timestamp,
    /// None for the position before all attempts of that time.
    delivery: Option<DeliveryId>,
    number: u32,
}

/// A page of the log.
#[derive(Debug)]
pub struct Page {
    pub attempts: Vec<Logged>,
    /// The cursor of the next page, when there may be more.
    pub next: Option<AttemptPosition>,
}

/// The text is not a cursor of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a cursor of the log of attempts")]
pub struct InvalidAttemptPosition;

impl fmt::Display for AttemptPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivery = self.delivery.map(|id| id.to_string()).unwrap_or_default();
        write!(f, "{}.{delivery}.{}", self.started_at.as_micros(), self.number)
    }
}

impl FromStr for AttemptPosition {
    type Err = InvalidAttemptPosition;

    fn from_str(text: &str) -> Result<Self, InvalidAttemptPosition> {
        let mut parts = text.split('.');
        let (Some(at), Some(delivery), Some(number), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidAttemptPosition);
        };
        Ok(Self {
            started_at: Timestamp::from_micros(at.parse().map_err(|_| InvalidAttemptPosition)?),
            delivery: Some(delivery.parse().map_err(|_| InvalidAttemptPosition)?),
            number: number.parse().map_err(|_| InvalidAttemptPosition)?,
        })
    }
}

impl Logged {
    fn position(&self) -> AttemptPosition {
        let Self { delivery_id, attempt, .. } = self;
        AttemptPosition { started_at: attempt.started_at, delivery: Some(*delivery_id), number: attempt.number }
    }
}

impl Filter {
    fn matches(&self, logged: &Logged) -> bool {
        self.class.as_ref().is_none_or(|class| logged.attempt.class == *class)
            && self.status.is_none_or(|status| logged.attempt.status == Some(status))
    }

    /// The position behind which nothing matches, `end` at the latest.
    fn end(&self, end: Option<AttemptPosition>) -> AttemptPosition {
        let before = |started_at| AttemptPosition { started_at, delivery: None, number: 0 };
        let to = before(self.to.unwrap_or(Timestamp::from_micros(i64::MAX)));
        end.map_or(to.clone(), |end| end.min(to))
    }
}

/// Up to `limit` attempts of an endpoint that match, newest first, older than `before`.
///
/// A call reads at most 5,000 attempts, so a page may be short although more pages follow.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(
    session: &mut Session,
    endpoint: EndpointId,
    filter: &Filter,
    before: Option<AttemptPosition>,
    limit: u32,
) -> Result<Page, StoreError> {
    let (mut found, mut next) = (Vec::new(), before);
    let all = filter.class.is_none() && filter.status.is_none();
    let round = if all { limit + 1 } else { ROUND };
    for _ in 0..ROUNDS {
        let part = part(session, endpoint, filter, &filter.end(next), round).await?;
        let is_last = part.len() < round as usize;
        next = part.last().map(Logged::position);
        for logged in part.into_iter().filter(|logged| filter.matches(logged)) {
            if found.len() == limit as usize {
                let next = found.last().map(Logged::position);
                return Ok(Page { attempts: found, next });
            }
            found.push(logged);
        }
        if is_last {
            return Ok(Page { attempts: found, next: None });
        }
    }
    Ok(Page { attempts: found, next })
}

async fn part(
    session: &mut Session,
    endpoint: EndpointId,
    filter: &Filter,
    before: &AttemptPosition,
    limit: u32,
) -> Result<Vec<Logged>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        delivery_id: String,
        event: String,
        #[sqlx(flatten)]
        attempt: AttemptRow,
    }
    // The separate bound on the time is for PostgreSQL's index, which has no further columns.
    let sql = "SELECT a.delivery_id, e.type AS event, a.number, a.started_at, a.duration_us, a.class, a.status, a.error, a.answer
        FROM attempts a JOIN deliveries d ON d.id = a.delivery_id JOIN events e ON e.id = d.event_id
        WHERE a.endpoint_id = $1 AND a.started_at >= $2 AND a.started_at <= $3
            AND (a.started_at, a.delivery_id, a.number) < ($3, $4, $5)
        ORDER BY a.started_at DESC, a.delivery_id DESC, a.number DESC LIMIT $6";
    let values = args![
        &endpoint,
        filter.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
        before.started_at,
        before.delivery.map(|id| id.to_string()).unwrap_or_default(),
        before.number,
        limit,
    ];
    let rows: Vec<Row> = session.fetch_all(sql, values).await?;
    let logged = rows.into_iter().map(|row| {
        let id = row.delivery_id.as_str();
        let delivery_id = id.parse().map_err(|cause| StoreError::inconsistent("attempts", "delivery_id", id, cause))?;
        Ok(Logged { delivery_id, event: row.event, attempt: row.attempt.into_attempt(&delivery_id)? })
    });
    logged.collect()
}
