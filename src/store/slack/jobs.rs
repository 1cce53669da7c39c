//! Slack jobs: clicks and commands, stored before Slack gets its answer, and carried out afterwards.
//!
//! The work and the reply are plain text here; the services interpret them. Both are sealed, since they contain URLs at
//! which anybody can answer in Slack, and erased when the job ends.

use crate::approval::Digest;
use crate::ids::EndpointId;
use crate::sealing::SealingKeys;
use crate::store::arg::args;
use crate::store::secrets::{open, seal};
use crate::store::{Session, StoreError};
use crate::time::{CLOCK_SLACK, Timestamp};

/// A job that this process has claimed for some time.
#[derive(Debug, Clone)]
pub struct Job {
    /// The digest of the signature of Slack's request, so that a repeated request is not a new job.
    pub id: Digest,
    pub endpoint: EndpointId,
    pub work: String,
    /// The reply to send; set once the work is done.
    pub reply: Option<String>,
    /// How often it was claimed, this time included. Serves as the fencing token of later writes.
    pub attempts: u32,
    pub created_at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    endpoint_id: String,
    work: String,
    reply: Option<String>,
    attempts: i64,
    created_at: i64,
}

#[derive(sqlx_macros::FromRow)]
struct Due {
    first: Option<i64>,
    last: Option<i64>,
}

/// Adds a job that is due at once; returns whether it is new.
///
/// # Errors
/// When the database fails.
pub async fn add(
    session: &mut Session,
    id: &Digest,
    endpoint: EndpointId,
    work: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO slack_jobs (id, endpoint_id, work, attempts, run_at, created_at)
        VALUES ($1, $2, $3, 0, $4, $4) ON CONFLICT (id) DO NOTHING";
    let work = seal(session.secrets(), "slack_jobs", &id.to_string(), "work", work)?;
    Ok(session.execute(sql, args![id, &endpoint, work, now]).await? == 1)
}

/// Claims up to `limit` jobs that are due. Also those that are due long after `until`: that was set before the
/// clock was set back. They are due again at `until`, unless they end before. A job whose row cannot be read is
/// ended: it would be claimed again and again.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn claim(
    session: &mut Session,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Job>, StoreError> {
    // Two ranges of the index: with an OR, SQLite sorts all that waits.
    let sql = "UPDATE slack_jobs SET attempts = attempts + 1, run_at = $2 WHERE id IN (
            SELECT id FROM (
                SELECT id FROM (SELECT id FROM slack_jobs WHERE run_at <= $1 ORDER BY run_at LIMIT $3) AS due
                UNION ALL
                SELECT id FROM (SELECT id FROM slack_jobs WHERE run_at > $4 ORDER BY run_at LIMIT $3) AS beyond
            ) AS either LIMIT $3
        ) RETURNING id, endpoint_id, work, reply, attempts, created_at";
    let rows: Vec<Row> = session.fetch_all(sql, args![now, until, limit, until + CLOCK_SLACK]).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.id.clone();
        match row.into_job(session.secrets()) {
            Ok(job) => claimed.push(job),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a Slack job cannot be read and is ended");
                let sql = "UPDATE slack_jobs SET work = '', reply = NULL, run_at = NULL, ended_at = $2, end_reason = $3
                    WHERE id = $1";
                session.execute(sql, args![id, now, error.to_string()]).await?;
            }
        }
    }
    Ok(claimed)
}

/// When the first job is due, and the last.
///
/// # Errors
/// When the database fails.
pub async fn next(session: &mut Session) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    let sql = "SELECT (SELECT MIN(run_at) FROM slack_jobs WHERE run_at IS NOT NULL) AS first,
        (SELECT MAX(run_at) FROM slack_jobs WHERE run_at IS NOT NULL) AS last";
    let Due { first, last } = session.fetch_one(sql, args![]).await?;
    Ok(first.zip(last).map(|(first, last)| (Timestamp::from_micros(first), Timestamp::from_micros(last))))
}

/// Makes all open jobs due: for a starting process that has locked the database.
///
/// # Errors
/// When the database fails.
pub async fn take_over(session: &mut Session, now: Timestamp) -> Result<(), StoreError> {
    session.execute("UPDATE slack_jobs SET run_at = $1 WHERE run_at > $1", args![now]).await.map(drop)
}

/// Records that the work is done, and the reply. Returns whether this process still had the claim: if not, the caller
/// must roll back the transaction.
///
/// # Errors
/// When the database fails.
pub async fn done(session: &mut Session, job: &Job, reply: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE slack_jobs SET reply = $3 WHERE id = $1 AND attempts = $2 AND reply IS NULL AND ended_at IS NULL";
    let reply = seal(session.secrets(), "slack_jobs", &job.id.to_string(), "reply", reply)?;
    Ok(session.execute(sql, args![&job.id, job.attempts, reply]).await? == 1)
}

/// Ends the job; `reason` says why it failed, if it did.
///
/// # Errors
/// When the database fails.
pub async fn end(session: &mut Session, job: &Job, reason: Option<String>, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE slack_jobs SET work = '', reply = NULL, run_at = NULL, ended_at = $3, end_reason = $4
        WHERE id = $1 AND attempts = $2 AND ended_at IS NULL";
    session.execute(sql, args![&job.id, job.attempts, now, reason]).await.map(drop)
}

/// Makes the job due again at `at`.
///
/// # Errors
/// When the database fails.
pub async fn again(session: &mut Session, job: &Job, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE slack_jobs SET run_at = $3 WHERE id = $1 AND attempts = $2 AND ended_at IS NULL";
    session.execute(sql, args![&job.id, job.attempts, at]).await.map(drop)
}

/// Deletes up to `limit` jobs that ended before `before`.
///
/// # Errors
/// When the database fails.
pub async fn forget(session: &mut Session, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql =
        "DELETE FROM slack_jobs WHERE id IN (SELECT id FROM slack_jobs WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)";
    session.execute(sql, args![before, limit]).await
}

impl Row {
    fn into_job(self, secrets: &SealingKeys) -> Result<Job, StoreError> {
        let id = self.id.as_str();
        let open = |column, stored| open(secrets, "slack_jobs", id, column, stored);
        Ok(Job {
            id: id.parse().map_err(|cause| StoreError::inconsistent("slack_jobs", "id", id, cause))?,
            endpoint: self
                .endpoint_id
                .parse()
                .map_err(|cause| StoreError::inconsistent("slack_jobs", "endpoint_id", id, cause))?,
            attempts: u32::try_from(self.attempts)
                .map_err(|cause| StoreError::inconsistent("slack_jobs", "attempts", id, cause))?,
            created_at: Timestamp::from_micros(self.created_at),
            work: open("work", self.work)?,
            reply: self.reply.map(|reply| open("reply", reply)).transpose()?,
        })
    }
}
