//! Health records of failing endpoints: since when, how often, and what was done. A healthy endpoint has no row.

use super::arg::args;
use super::{Session, StoreError};
use crate::ids::EndpointId;
use crate::time::Timestamp;

/// The health record of a failing endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The first failure after the last success.
    pub failing_since: Timestamp,
    /// Failed attempts since then.
    pub failures: u32,
    /// Failures that count against the endpoint, and not against the hub or the network.
    pub charged: u32,
    /// The first of those.
    pub charged_since: Option<Timestamp>,
    pub last_error: Option<String>,
    /// How many warnings were sent.
    pub warned: u32,
    /// When to probe whether it works again, after it was disabled for failing.
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

/// The health record of an endpoint, if it is failing.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn get(session: &mut Session, endpoint: EndpointId) -> Result<Option<Health>, StoreError> {
    Ok(between(session, endpoint, endpoint).await?.pop().map(|(_, health)| health))
}

/// Health records of the failing endpoints in an id range, by id.
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

/// Counts failures, and those of them that count against the endpoint. The first failure adds the record. Returns the
/// record.
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

/// Records how many warnings were sent, and when to probe.
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

/// Postpones the probe to `at`, without reading the rest of the record.
///
/// # Errors
/// When the database fails.
pub async fn put_probe_off(session: &mut Session, endpoint: EndpointId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE endpoint_health SET probe_at = $2 WHERE endpoint_id = $1 AND probe_at IS NOT NULL";
    session.execute(sql, args![&endpoint, at]).await.map(drop)
}

/// Deletes the record: the endpoint works again, or was changed.
///
/// # Errors
/// When the database fails.
pub async fn clear(session: &mut Session, endpoint: EndpointId) -> Result<(), StoreError> {
    session.execute("DELETE FROM endpoint_health WHERE endpoint_id = $1", args![&endpoint]).await.map(drop)
}

/// All failing endpoints: few, if any.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn failing(session: &mut Session) -> Result<Vec<EndpointId>, StoreError> {
    let rows: Vec<IdRow> = session.fetch_all("SELECT endpoint_id FROM endpoint_health", args![]).await?;
    rows.iter().map(IdRow::id).collect()
}

/// The endpoints to probe at `now`. Also those with a probe after `beyond`: it was set before the clock
/// was set back.
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
