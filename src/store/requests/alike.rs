//! Earlier requests that differ only in their literals, read from one index.

use sqlx::AssertSqlSafe;

use super::parse_optional;
use crate::approval::{Decision, Digest, Email, ExecutionStatus, Request, Status};
use crate::ids::RequestId;
use crate::store::arg::{Arg, args};
use crate::store::codec::unwire;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// How an earlier request ended.
#[derive(Debug, Clone)]
pub struct Earlier {
    pub id: RequestId,
    pub requester: Option<Email>,
    pub status: Status,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    /// How its run ended; none if it was not run.
    pub run: Option<ExecutionStatus>,
    pub finished_at: Option<Timestamp>,
}

/// What an earlier request was about.
#[derive(Debug, Clone)]
pub struct EarlierText {
    pub id: RequestId,
    pub command: String,
    pub decision: Option<Decision>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    requester_email: Option<String>,
    status: String,
    created_at: i64,
    decided_at: Option<i64>,
    run: Option<String>,
    finished_at: Option<i64>,
}

#[derive(sqlx_macros::FromRow)]
struct TextRow {
    id: String,
    command: String,
    decision: Option<String>,
}

/// The newest `limit` requests with this pattern on the same resource that were made between `since` and the request
/// itself, newest first.
///
/// # Errors
/// When the database fails.
pub async fn alike(
    session: &mut Session,
    request: &Request,
    pattern: &Digest,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Earlier>, StoreError> {
    let sql = "SELECT r.id, r.requester_email, r.status, r.created_at, r.decided_at, e.status AS run, e.finished_at
        FROM requests r LEFT JOIN executions e ON e.request_id = r.id
        WHERE r.resource = $1 AND r.pattern_digest = $2 AND r.created_at >= $3 AND r.created_at <= $4 AND r.id <> $5
        ORDER BY r.created_at DESC LIMIT $6";
    let values = args![&request.resource, pattern, since, request.created_at, &request.id, limit];
    let rows: Vec<Row> = session.fetch_all(sql, values).await?;
    Ok(session.unreadable().convert_some(rows, Row::into_earlier))
}

/// The commands and decisions of these requests, in no order.
///
/// # Errors
/// When the database fails.
pub async fn texts(session: &mut Session, ids: &[RequestId]) -> Result<Vec<EarlierText>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
    let sql = format!("SELECT id, command, decision FROM requests WHERE id IN ({})", places.join(", "));
    let rows: Vec<TextRow> = session.fetch_all(AssertSqlSafe(sql), ids.iter().map(Arg::from).collect()).await?;
    Ok(session.unreadable().convert_some(rows, TextRow::into_text))
}

/// Notes a reminder, unless there was one after `not_after`; returns whether it was noted.
///
/// # Errors
/// When the database fails.
pub async fn remind(
    session: &mut Session,
    id: RequestId,
    now: Timestamp,
    not_after: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE requests SET reminded_at = $1
        WHERE id = $2 AND status = 'pending' AND (reminded_at IS NULL OR reminded_at <= $3)";
    Ok(session.execute(sql, args![now, &id, not_after]).await? == 1)
}

#[derive(sqlx_macros::FromRow)]
struct RemindedRow {
    reminded_at: Option<i64>,
}

/// When somebody last reminded those who are missing.
///
/// # Errors
/// When the database fails.
pub async fn reminded_at(session: &mut Session, id: RequestId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT reminded_at FROM requests WHERE id = $1";
    let row: Option<RemindedRow> = session.fetch_optional(sql, args![&id]).await?;
    Ok(row.and_then(|row| row.reminded_at).map(Timestamp::from_micros))
}

impl Row {
    fn into_earlier(self) -> Result<Earlier, StoreError> {
        let id: RequestId =
            self.id.parse().map_err(|cause| StoreError::inconsistent("requests", "id", &self.id, cause))?;
        let run: Option<ExecutionStatus> = self
            .run
            .map(unwire)
            .transpose()
            .map_err(|cause| StoreError::inconsistent("executions", "status", id, cause))?;
        Ok(Earlier {
            id,
            requester: parse_optional(id, "requester_email", self.requester_email)?,
            status: unwire(self.status).map_err(|cause| StoreError::inconsistent("requests", "status", id, cause))?,
            created_at: Timestamp::from_micros(self.created_at),
            decided_at: self.decided_at.map(Timestamp::from_micros),
            run,
            finished_at: self.finished_at.map(Timestamp::from_micros),
        })
    }
}

impl TextRow {
    fn into_text(self) -> Result<EarlierText, StoreError> {
        let id: RequestId =
            self.id.parse().map_err(|cause| StoreError::inconsistent("requests", "id", &self.id, cause))?;
        let decision = self.decision.as_deref().map(serde_json::from_str).transpose();
        Ok(EarlierText {
            id,
            command: self.command,
            decision: decision.map_err(|cause| StoreError::inconsistent("requests", "decision", id, cause))?,
        })
    }
}
