//! Endpoints with heartbeats, and when each is checked next.
//!
//! A send writes nothing here: a check that is due reads the time of the endpoint's last attempt from the log of
//! attempts.

use std::time::Duration;

use super::arg::args;
use super::endpoints::{Endpoint, EndpointState};
use super::{Session, StoreError};
use crate::ids::EndpointId;
use crate::time::{CLOCK_SLACK, Timestamp};

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    endpoint_id: String,
}

#[derive(sqlx_macros::FromRow)]
struct MomentRow {
    moment: Option<i64>,
}

/// Adds, updates or removes the check of an endpoint that was created, changed or deleted.
///
/// # Errors
/// When the database fails.
pub async fn update(session: &mut Session, endpoint: &Endpoint, now: Timestamp) -> Result<(), StoreError> {
    let wanted = endpoint.heartbeat_seconds.filter(|_| endpoint.state != EndpointState::Deleted);
    let Some(seconds) = wanted else { return forget(session, endpoint.id).await };
    // A shorter interval applies at once. A longer one is found by the check at the old time.
    let sql = "INSERT INTO endpoint_heartbeats (endpoint_id, due_at) VALUES ($1, $2)
        ON CONFLICT (endpoint_id) DO UPDATE SET due_at = CASE WHEN excluded.due_at < endpoint_heartbeats.due_at
            THEN excluded.due_at ELSE endpoint_heartbeats.due_at END";
    let due = now + Duration::from_secs(seconds.into());
    session.execute(sql, args![&endpoint.id, due]).await.map(drop)
}

/// Removes the check of an endpoint.
///
/// # Errors
/// When the database fails.
pub async fn forget(session: &mut Session, endpoint: EndpointId) -> Result<(), StoreError> {
    session.execute("DELETE FROM endpoint_heartbeats WHERE endpoint_id = $1", args![&endpoint]).await.map(drop)
}

/// The longest time between two checks of an endpoint, in seconds.
pub const MOST_SECONDS: u32 = 604_800;

/// The endpoints whose check is due. Also those whose check is after [`beyond`]: the clock was set back since it was
/// set.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due(session: &mut Session, now: Timestamp) -> Result<Vec<EndpointId>, StoreError> {
    // Two ranges of the index: with an OR, SQLite sorts all that it finds.
    let sql = "SELECT endpoint_id FROM
            (SELECT endpoint_id FROM endpoint_heartbeats WHERE due_at <= $1 ORDER BY due_at LIMIT 64) AS due
        UNION ALL SELECT endpoint_id FROM
            (SELECT endpoint_id FROM endpoint_heartbeats WHERE due_at > $2 ORDER BY due_at LIMIT 64) AS beyond";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![now, beyond(now)]).await?;
    let id = |row: &IdRow| {
        let id = &row.endpoint_id;
        id.parse().map_err(|cause| StoreError::inconsistent("endpoint_heartbeats", "endpoint_id", id, cause))
    };
    rows.iter().map(id).collect()
}

/// The latest time to which a check can have been postponed at `now`.
pub fn beyond(now: Timestamp) -> Timestamp {
    now + Duration::from_secs(MOST_SECONDS.into()) + CLOCK_SLACK
}

/// When an endpoint is checked next, if it has heartbeats.
///
/// # Errors
/// When the database fails.
pub async fn due_at(session: &mut Session, endpoint: EndpointId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MIN(due_at) AS moment FROM endpoint_heartbeats WHERE endpoint_id = $1";
    let row: MomentRow = session.fetch_one(sql, args![&endpoint]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// When the endpoint's last attempt started, whatever its outcome.
///
/// # Errors
/// When the database fails.
pub async fn last_attempt(session: &mut Session, endpoint: EndpointId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MAX(started_at) AS moment FROM attempts WHERE endpoint_id = $1";
    let row: MomentRow = session.fetch_one(sql, args![&endpoint]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// Postpones the check of an endpoint.
///
/// # Errors
/// When the database fails.
pub async fn put_off(session: &mut Session, endpoint: EndpointId, until: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE endpoint_heartbeats SET due_at = $2 WHERE endpoint_id = $1";
    session.execute(sql, args![&endpoint, until]).await.map(drop)
}
