//! Endpoints that want to hear from the hub now and then, and when each is looked at next.
//!
//! A send writes nothing here: whoever finds a moment come asks the log of attempts when the endpoint was sent something last.

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

/// Follows an endpoint that was made, changed or taken away.
///
/// # Errors
/// When the database fails.
pub async fn follow(session: &mut Session, endpoint: &Endpoint, now: Timestamp) -> Result<(), StoreError> {
    let wanted = endpoint.heartbeat_seconds.filter(|_| endpoint.state != EndpointState::Deleted);
    let Some(seconds) = wanted else { return forget(session, endpoint.id).await };
    // A shorter one begins at once; whether a longer one is due is found out when the old moment comes.
    let sql = "INSERT INTO endpoint_heartbeats (endpoint_id, due_at) VALUES ($1, $2)
        ON CONFLICT (endpoint_id) DO UPDATE SET due_at = CASE WHEN excluded.due_at < endpoint_heartbeats.due_at
            THEN excluded.due_at ELSE endpoint_heartbeats.due_at END";
    let due = now + Duration::from_secs(seconds.into());
    session.execute(sql, args![&endpoint.id, due]).await.map(drop)
}

/// Looks at it no more.
///
/// # Errors
/// When the database fails.
pub async fn forget(session: &mut Session, endpoint: EndpointId) -> Result<(), StoreError> {
    session.execute("DELETE FROM endpoint_heartbeats WHERE endpoint_id = $1", args![&endpoint]).await.map(drop)
}

/// Longest time between two looks at one, in seconds.
pub const MOST_SECONDS: u32 = 604_800;

/// Those whose moment has come, or lies beyond all that can have been put off at `now`: the clock was put back.
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

/// The moment behind which none can have been put at `now`.
pub fn beyond(now: Timestamp) -> Timestamp {
    now + Duration::from_secs(MOST_SECONDS.into()) + CLOCK_SLACK
}

/// When one is looked at next, if it is.
///
/// # Errors
/// When the database fails.
pub async fn due_at(session: &mut Session, endpoint: EndpointId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MIN(due_at) AS moment FROM endpoint_heartbeats WHERE endpoint_id = $1";
    let row: MomentRow = session.fetch_one(sql, args![&endpoint]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// When anything was sent there last, whatever came of it.
///
/// # Errors
/// When the database fails.
pub async fn last_attempt(session: &mut Session, endpoint: EndpointId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MAX(started_at) AS moment FROM attempts WHERE endpoint_id = $1";
    let row: MomentRow = session.fetch_one(sql, args![&endpoint]).await?;
    Ok(row.moment.map(Timestamp::from_micros))
}

/// Looks at it again then.
///
/// # Errors
/// When the database fails.
pub async fn put_off(session: &mut Session, endpoint: EndpointId, until: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE endpoint_heartbeats SET due_at = $2 WHERE endpoint_id = $1";
    session.execute(sql, args![&endpoint, until]).await.map(drop)
}
