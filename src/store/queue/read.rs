//! Reads of the queue that claim nothing.

use super::RequestNow;
use crate::ids::{EndpointId, RequestId};
use crate::store::arg::args;
use crate::store::codec::unwire;
use crate::store::dialect::Dialect;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct MomentRow {
    moment: Option<i64>,
}

/// The next due time of each tier of an endpoint's deliveries, in the order of [`Tier::ALL`](super::Tier::ALL).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DueTimes(pub [Option<Timestamp>; 3]);

impl DueTimes {
    /// The earliest of them.
    pub fn first(&self) -> Option<Timestamp> {
        self.0.into_iter().flatten().min()
    }

    /// Which tiers have a delivery due.
    pub fn due(&self, now: Timestamp) -> [bool; 3] {
        self.0.map(|moment| moment.is_some_and(|moment| moment <= now))
    }
}

/// The due times of all endpoints with pending deliveries. Three index look-ups for each endpoint, however long the
/// queues are.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due_times(session: &mut Session) -> Result<Vec<(EndpointId, DueTimes)>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        id: String,
        fresh: Option<i64>,
        retry: Option<i64>,
        replay: Option<i64>,
    }
    let sql = "SELECT e.id,
            (SELECT MIN(d.next_attempt_at) FROM deliveries d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.tier = 0) AS fresh,
            (SELECT MIN(d.next_attempt_at) FROM deliveries d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.tier = 1) AS retry,
            (SELECT MIN(d.next_attempt_at) FROM deliveries d
             WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.tier = 2) AS replay
        FROM endpoints e";
    let rows: Vec<Row> = session.fetch_all(sql, args![]).await?;
    let times = |row: &Row| DueTimes([row.fresh, row.retry, row.replay].map(|at| at.map(Timestamp::from_micros)));
    rows.iter()
        .map(|row| (&row.id, times(row)))
        .filter(|(_, times)| times.first().is_some())
        .map(|(id, times)| {
            Ok((id.parse().map_err(|cause| StoreError::inconsistent("endpoints", "id", id, cause))?, times))
        })
        .collect()
}

/// The state of a request; none when it does not exist.
///
/// # Errors
/// When the database fails or the row cannot be read.
pub async fn request_now(session: &mut Session, id: RequestId) -> Result<Option<RequestNow>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        status: String,
        revision: i64,
        expires_at: i64,
    }
    let sql = "SELECT status, revision, expires_at FROM requests WHERE id = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![&id]).await?;
    let Some(Row { status, revision, expires_at }) = row else { return Ok(None) };
    let revision =
        u32::try_from(revision).map_err(|cause| StoreError::inconsistent("requests", "revision", id, cause))?;
    let status = unwire(status).map_err(|cause| StoreError::inconsistent("requests", "status", id, cause))?;
    Ok(Some(RequestNow { status, revision, expires_at: Timestamp::from_micros(expires_at) }))
}

/// The latest due time and the latest end of a lease, to detect that a clock was set back.
///
/// # Errors
/// When the database fails.
pub async fn latest(session: &mut Session) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Latest {
        due: Option<i64>,
        lease: Option<i64>,
    }
    let sql = "SELECT (SELECT MAX(next_attempt_at) FROM deliveries WHERE state = 'pending') AS due,
        (SELECT MAX(lease_until) FROM deliveries WHERE state = 'leased') AS lease";
    let Latest { due, lease } = session.fetch_one(sql, args![]).await?;
    Ok((due.map(Timestamp::from_micros), lease.map(Timestamp::from_micros)))
}

/// The time of the database server; none on SQLite, which has the clock of this machine.
///
/// # Errors
/// When the database fails.
pub async fn database_time(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    if session.dialect() == Dialect::Sqlite {
        return Ok(None);
    }
    let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS moment";
    let row: MomentRow = session.fetch_one(sql, args![]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// The earliest end of a lease.
///
/// # Errors
/// When the database fails.
pub async fn next_overrun(session: &mut Session) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MIN(lease_until) AS moment FROM deliveries WHERE state = 'leased'";
    let row: MomentRow = session.fetch_one(sql, args![]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// How many pending deliveries are due, counted up to `most`, and the due time of the first one.
///
/// # Errors
/// When the database fails.
pub async fn overdue(session: &mut Session, now: Timestamp, most: u32) -> Result<(u64, Option<Timestamp>), StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Overdue {
        due: i64,
        oldest: Option<i64>,
    }
    let sql = "SELECT COUNT(*) AS due, MIN(next_attempt_at) AS oldest FROM (
            SELECT next_attempt_at FROM deliveries WHERE state = 'pending' AND next_attempt_at <= $1
            ORDER BY next_attempt_at LIMIT $2
        ) waiting";
    let row: Overdue = session.fetch_one(sql, args![now, most]).await?;
    Ok((u64::try_from(row.due).unwrap_or(0), row.oldest.map(Timestamp::from_micros)))
}
