//! Rollups: hourly counts of ended requests, updated in the deciding transaction. A report reads them, so its cost does
//! not depend on the length of the history.

use sqlx::AssertSqlSafe;

use super::arg::{Arg, args};
use super::codec::{unwire, wire};
use super::{Session, StoreError};
use crate::analytics::{Bucket, BucketCount, OutcomeCount};
use crate::approval::{Method, ResourceName, Status};
use crate::time::Timestamp;

/// An ended request, as it is counted.
#[derive(Debug, Clone)]
pub struct Ended {
    pub at: Timestamp,
    pub resource: ResourceName,
    pub outcome: Status,
    pub method: Method,
    /// From creation to end, in microseconds.
    pub latency_us: i64,
    /// The working time of that, if the resource has working hours.
    pub working_us: Option<i64>,
}

/// The hours and resources of a report.
#[derive(Debug, Clone, Default)]
pub struct Period {
    /// The first hour, in hours since the epoch.
    pub from_hour: Option<i64>,
    /// The hour after the last.
    pub to_hour: Option<i64>,
    /// None for all resources.
    pub resource: Option<ResourceName>,
}

/// Adds one ended request.
///
/// # Errors
/// When the database fails.
pub async fn add(session: &mut Session, ended: &Ended) -> Result<(), StoreError> {
    let hour = hour_of(ended.at);
    let method =
        wire(&ended.method).map_err(|cause| StoreError::inconsistent("outcome_rollups", "method", hour, cause))?;
    let sql =
        "INSERT INTO outcome_rollups (hour, resource, outcome, method, count, total_us) VALUES ($1, $2, $3, $4, 1, $5)
        ON CONFLICT (hour, resource, outcome, method)
        DO UPDATE SET count = outcome_rollups.count + 1, total_us = outcome_rollups.total_us + excluded.total_us";
    let values = args![hour, &ended.resource, ended.outcome.as_str(), &method, ended.latency_us];
    session.execute(sql, values).await?;
    let sql =
        "INSERT INTO latency_rollups (hour, resource, outcome, method, bucket, count) VALUES ($1, $2, $3, $4, $5, 1)
        ON CONFLICT (hour, resource, outcome, method, bucket) DO UPDATE SET count = latency_rollups.count + 1";
    let bucket = Bucket::of_micros(ended.latency_us);
    let values = args![hour, &ended.resource, ended.outcome.as_str(), &method, bucket.index()];
    session.execute(sql, values).await?;
    let Some(working_us) = ended.working_us else { return Ok(()) };
    let sql = "INSERT INTO working_rollups (hour, resource, outcome, method, bucket, count, total_us)
        VALUES ($1, $2, $3, $4, $5, 1, $6)
        ON CONFLICT (hour, resource, outcome, method, bucket) DO UPDATE SET count = working_rollups.count + 1,
            total_us = working_rollups.total_us + excluded.total_us";
    let bucket = Bucket::of_micros(working_us);
    let values = args![hour, &ended.resource, ended.outcome.as_str(), &method, bucket.index(), working_us];
    session.execute(sql, values).await.map(drop)
}

/// Totals by outcome and method.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn counts(session: &mut Session, period: &Period) -> Result<Vec<OutcomeCount>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        outcome: String,
        method: String,
        count: i64,
        total_us: i64,
    }
    let (condition, values) = condition(period);
    let sql = format!(
        "SELECT outcome, method, CAST(SUM(count) AS BIGINT) AS count, CAST(SUM(total_us) AS BIGINT) AS total_us
         FROM outcome_rollups {condition} GROUP BY outcome, method ORDER BY outcome, method"
    );
    let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let read = |row: Row| {
        let (outcome, method) = ended("outcome_rollups", row.outcome, row.method)?;
        Ok(OutcomeCount { outcome, method, count: u64::try_from(row.count).unwrap_or(0), total_us: row.total_us })
    };
    Ok(session.unreadable().convert_some(rows, read))
}

/// Latency buckets by outcome and method, in the order of the buckets.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn buckets(session: &mut Session, period: &Period) -> Result<Vec<BucketCount>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        outcome: String,
        method: String,
        bucket: i64,
        count: i64,
    }
    let (condition, values) = condition(period);
    let sql = format!(
        "SELECT outcome, method, bucket, CAST(SUM(count) AS BIGINT) AS count FROM latency_rollups {condition}
         GROUP BY outcome, method, bucket ORDER BY bucket"
    );
    let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let read = |row: Row| {
        let (outcome, method) = ended("latency_rollups", row.outcome, row.method)?;
        let (bucket, count) = (Bucket::from_index(row.bucket), u64::try_from(row.count).unwrap_or(0));
        Ok(BucketCount { outcome, method, bucket, count })
    };
    Ok(session.unreadable().convert_some(rows, read))
}

/// Working times by outcome and method: totals, and buckets.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn working(
    session: &mut Session,
    period: &Period,
) -> Result<(Vec<OutcomeCount>, Vec<BucketCount>), StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        outcome: String,
        method: String,
        bucket: i64,
        count: i64,
        total_us: i64,
    }
    let (condition, values) = condition(period);
    let sql = format!(
        "SELECT outcome, method, bucket, CAST(SUM(count) AS BIGINT) AS count, CAST(SUM(total_us) AS BIGINT) AS total_us
         FROM working_rollups {condition} GROUP BY outcome, method, bucket ORDER BY bucket"
    );
    let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
    let read = |row: Row| {
        let (outcome, method) = ended("working_rollups", row.outcome, row.method)?;
        let (bucket, count) = (Bucket::from_index(row.bucket), u64::try_from(row.count).unwrap_or(0));
        let total = OutcomeCount { outcome, method, count, total_us: row.total_us };
        Ok((total, BucketCount { outcome, method, bucket, count }))
    };
    Ok(session.unreadable().convert_some(rows, read).into_iter().unzip())
}

/// The outcome and method of a row. Rows with values that only a newer version knows are left out of all sums.
fn ended(table: &'static str, outcome: String, method: String) -> Result<(Status, Method), StoreError> {
    let row = format!("{outcome} by {method}");
    let bad = |column, row| move |cause| StoreError::inconsistent(table, column, row, cause);
    let outcome = unwire(outcome).map_err(bad("outcome", row.clone()))?;
    Ok((outcome, unwire(method).map_err(bad("method", row))?))
}

/// The hour of a time, in hours since the epoch.
pub fn hour_of(time: Timestamp) -> i64 {
    time.as_seconds().div_euclid(3_600)
}

fn condition(period: &Period) -> (String, Vec<Arg>) {
    let mut values = args![period.from_hour.unwrap_or(i64::MIN), period.to_hour.unwrap_or(i64::MAX)];
    let mut text = "WHERE hour >= $1 AND hour < $2".to_owned();
    if let Some(resource) = &period.resource {
        values.push(resource.into());
        text.push_str(" AND resource = $3");
    }
    (text, values)
}
