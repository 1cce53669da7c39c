//! Endpoints that fail, since when, and what was done about it. One that is well has no row.

use super::session::args;
use super::{Session, StoreError};
use crate::ids::EndpointId;
use crate::time::Timestamp;

/// How an endpoint fares that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Since when nothing has worked.
    pub failing_since: Timestamp,
    /// How many warnings were given.
    pub warned: u32,
    /// When it is tried whether it works again, after it was switched off for failing.
    pub probe_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    failing_since: i64,
    warned: i64,
    probe_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct IdRow {
    endpoint_id: String,
}

/// How the endpoint fares, if it fails.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, endpoint: EndpointId) -> Result<Option<Health>, StoreError> {
    let sql = "SELECT failing_since, warned, probe_at FROM endpoint_health WHERE endpoint_id = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![&endpoint]).await?;
    row.map(|row| {
        Ok(Health {
            failing_since: Timestamp::from_micros(row.failing_since),
            warned: u32::try_from(row.warned)
                .map_err(|cause| StoreError::inconsistent("endpoint_health", "warned", endpoint, cause))?,
            probe_at: row.probe_at.map(Timestamp::from_micros),
        })
    })
    .transpose()
}

/// Writes down how it fares.
///
/// # Errors
/// When the database fails.
pub async fn put(
    session: &mut Session,
    endpoint: EndpointId,
    health: &Health,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO endpoint_health (endpoint_id, failing_since, warned, probe_at, updated_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (endpoint_id) DO UPDATE SET failing_since = excluded.failing_since, warned = excluded.warned,
            probe_at = excluded.probe_at, updated_at = excluded.updated_at";
    session.execute(sql, args![&endpoint, health.failing_since, health.warned, health.probe_at, now]).await.map(drop)
}

/// It is well again, or starts anew.
///
/// # Errors
/// When the database fails.
pub async fn clear(session: &mut Session, endpoint: EndpointId) -> Result<(), StoreError> {
    session.execute("DELETE FROM endpoint_health WHERE endpoint_id = $1", args![&endpoint]).await.map(drop)
}

/// All that fail: few, if any.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn failing(session: &mut Session) -> Result<Vec<EndpointId>, StoreError> {
    let rows: Vec<IdRow> = session.fetch_all("SELECT endpoint_id FROM endpoint_health", args![]).await?;
    rows.iter().map(IdRow::id).collect()
}

/// Those that are to be probed at `now`.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due_probes(session: &mut Session, now: Timestamp) -> Result<Vec<EndpointId>, StoreError> {
    let sql = "SELECT endpoint_id FROM endpoint_health WHERE probe_at IS NOT NULL AND probe_at <= $1 ORDER BY probe_at LIMIT 64";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![now]).await?;
    rows.iter().map(IdRow::id).collect()
}

impl IdRow {
    fn id(&self) -> Result<EndpointId, StoreError> {
        let id = &self.endpoint_id;
        id.parse().map_err(|cause| StoreError::inconsistent("endpoint_health", "endpoint_id", id, cause))
    }
}
