//! Endpoints that fail, since when, and what was done about it. One that is well has no row.

use super::arg::args;
use super::{Session, StoreError};
use crate::ids::EndpointId;
use crate::time::Timestamp;

/// How an endpoint fares that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Since when nothing has worked.
    pub failing_since: Timestamp,
    /// How often it has failed since then.
    pub failures: u32,
    /// How many of these failures count against it.
    pub charged: u32,
    /// When the first of those was.
    pub charged_since: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// How many warnings were given.
    pub warned: u32,
    /// When it is tried whether it works again, after it was switched off for failing.
    pub probe_at: Option<Timestamp>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    endpoint_id: String,
    failing_since: i64,
    failures: i64,
    charged: i64,
    charged_since: Option<i64>,
    last_error: Option<String>,
    warned: i64,
    probe_at: Option<i64>,
}

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    endpoint_id: String,
}

/// The columns of a [`Row`], once.
macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " endpoint_id, failing_since, failures, charged, charged_since, last_error, warned, probe_at ",
            $after
        )
    };
}

/// How the endpoint fares, if it fails.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, endpoint: EndpointId) -> Result<Option<Health>, StoreError> {
    Ok(between(session, endpoint, endpoint).await?.pop().map(|(_, health)| health))
}

/// How those fare that fail, of all endpoints from `first` to `last`, in the order of their ids.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn between(
    session: &mut Session,
    first: EndpointId,
    last: EndpointId,
) -> Result<Vec<(EndpointId, Health)>, StoreError> {
    let sql =
        columns!("SELECT", "FROM endpoint_health WHERE endpoint_id >= $1 AND endpoint_id <= $2 ORDER BY endpoint_id");
    let rows: Vec<Row> = session.fetch_all(sql, args![&first, &last]).await?;
    rows.into_iter().map(Row::into_health).collect()
}

/// Counts failures, of which so many count against the endpoint; the first makes it one that fails. Answers how it fares now.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn failed(
    session: &mut Session,
    endpoint: EndpointId,
    (failures, charged): (u32, u32),
    error: &str,
    now: Timestamp,
) -> Result<Health, StoreError> {
    let sql = columns!(
        "INSERT INTO endpoint_health (endpoint_id, failing_since, failures, last_error, warned, updated_at, charged, charged_since)
            VALUES ($1, $2, $3, $4, 0, $2, $5, $6)
        ON CONFLICT (endpoint_id) DO UPDATE SET failures = endpoint_health.failures + excluded.failures,
            charged = endpoint_health.charged + excluded.charged,
            charged_since = COALESCE(endpoint_health.charged_since, excluded.charged_since),
            last_error = excluded.last_error, updated_at = excluded.updated_at
        RETURNING",
        ""
    );
    let charged_since = (charged > 0).then_some(now);
    let row: Row = session.fetch_one(sql, args![&endpoint, now, failures, error, charged, charged_since]).await?;
    row.into_health().map(|(_, health)| health)
}

/// Writes down what was done about it: warnings given, and when it is probed.
///
/// # Errors
/// When the database fails.
pub async fn put(
    session: &mut Session,
    endpoint: EndpointId,
    health: &Health,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE endpoint_health SET warned = $2, probe_at = $3, updated_at = $4 WHERE endpoint_id = $1";
    session.execute(sql, args![&endpoint, health.warned, health.probe_at, now]).await.map(drop)
}

/// Has it probed at that moment instead, whatever else is known of it.
///
/// # Errors
/// When the database fails.
pub async fn put_probe_off(session: &mut Session, endpoint: EndpointId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE endpoint_health SET probe_at = $2 WHERE endpoint_id = $1 AND probe_at IS NOT NULL";
    session.execute(sql, args![&endpoint, at]).await.map(drop)
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

/// Those that are to be probed at `now`, or beyond a moment at which no clock that goes right can have put it.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn due_probes(
    session: &mut Session,
    now: Timestamp,
    beyond: Timestamp,
) -> Result<Vec<EndpointId>, StoreError> {
    // Two ranges of the index: with an OR, SQLite sorts all that it finds.
    let sql = "SELECT endpoint_id FROM
            (SELECT endpoint_id FROM endpoint_health WHERE probe_at <= $1 ORDER BY probe_at LIMIT 64) AS due
        UNION ALL SELECT endpoint_id FROM
            (SELECT endpoint_id FROM endpoint_health WHERE probe_at > $2 ORDER BY probe_at LIMIT 64) AS beyond";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![now, beyond]).await?;
    rows.iter().map(IdRow::id).collect()
}

impl IdRow {
    fn id(&self) -> Result<EndpointId, StoreError> {
        let id = &self.endpoint_id;
        id.parse().map_err(|cause| StoreError::inconsistent("endpoint_health", "endpoint_id", id, cause))
    }
}

impl Row {
    fn into_health(self) -> Result<(EndpointId, Health), StoreError> {
        let id = IdRow { endpoint_id: self.endpoint_id }.id()?;
        let number = |column, value: i64| {
            u32::try_from(value).map_err(|cause| StoreError::inconsistent("endpoint_health", column, id, cause))
        };
        let health = Health {
            failing_since: Timestamp::from_micros(self.failing_since),
            failures: number("failures", self.failures)?,
            charged: number("charged", self.charged)?,
            charged_since: self.charged_since.map(Timestamp::from_micros),
            last_error: self.last_error,
            warned: number("warned", self.warned)?,
            probe_at: self.probe_at.map(Timestamp::from_micros),
        };
        Ok((id, health))
    }
}
