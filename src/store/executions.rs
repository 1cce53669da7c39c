//! Executions of approved actions.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::arg::{args, chunks};
use super::codec::unwire;
use super::{Session, StoreError};
use crate::approval::Execution;
use crate::ids::RequestId;
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct Row {
    request_id: String,
    status: String,
    digest: String,
    use_by: i64,
    fence: i64,
    claim_fence: Option<i64>,
    lease_seconds: i64,
    lease_expires_at: Option<i64>,
    claimed_at: Option<i64>,
    claimed_by: Option<String>,
    claim_key: Option<String>,
    finished_at: Option<i64>,
    exit_code: Option<i64>,
    output: Option<String>,
    output_truncated: i64,
    output_digest: Option<String>,
    reason: Option<String>,
    revoked_by: Option<String>,
}

/// Adds a request's execution, or updates it.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, request: RequestId, execution: &Execution) -> Result<(), StoreError> {
    let sql = "INSERT INTO executions (request_id, status, digest, use_by, fence, claim_fence, lease_seconds, lease_expires_at,
            claimed_at, claimed_by, claim_key, finished_at, exit_code, output, output_truncated, output_digest, reason, revoked_by,
            due_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        ON CONFLICT (request_id) DO UPDATE SET status = excluded.status, fence = excluded.fence,
            claim_fence = excluded.claim_fence, lease_seconds = excluded.lease_seconds, lease_expires_at = excluded.lease_expires_at,
            claimed_at = excluded.claimed_at, claimed_by = excluded.claimed_by, claim_key = excluded.claim_key,
            finished_at = excluded.finished_at, exit_code = excluded.exit_code, output = excluded.output,
            output_truncated = excluded.output_truncated, output_digest = excluded.output_digest, reason = excluded.reason,
            revoked_by = excluded.revoked_by, due_at = excluded.due_at";
    let values = args![
        &request,
        execution.status.as_str(),
        &execution.digest,
        execution.use_by,
        // The column `fence` counts claims, of which there is at most one; the fencing token itself is in
        // `claim_fence`.
        i64::from(execution.fence != 0),
        Some(execution.fence).filter(|fence| *fence != 0).map(|fence| i64::try_from(fence).unwrap_or(i64::MAX)),
        execution.lease_seconds,
        execution.lease_expires_at,
        execution.claimed_at,
        execution.claimed_by.clone(),
        execution.claim_key.clone(),
        execution.finished_at,
        execution.exit_code.map(i64::from),
        execution.output.clone(),
        i64::from(execution.output_truncated),
        execution.output_digest.as_ref(),
        execution.reason.clone(),
        execution.revoked_by.as_ref(),
        execution.due(),
    ];
    session.execute(sql, values).await.map(drop)
}

/// The executions of the given requests, as far as there are any.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_requests(
    session: &mut Session,
    requests: &[RequestId],
) -> Result<HashMap<RequestId, Execution>, StoreError> {
    let mut found = HashMap::new();
    for (places, values) in chunks(requests) {
        let sql = format!(
            "SELECT request_id, status, digest, use_by, fence, claim_fence, lease_seconds, lease_expires_at, claimed_at,
                 claimed_by, claim_key, finished_at, exit_code, output, output_truncated, output_digest, reason, revoked_by
             FROM executions WHERE request_id IN ({places})"
        );
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        for row in rows {
            let (id, execution) = row.into_execution()?;
            found.insert(id, execution);
        }
    }
    Ok(found)
}

impl Row {
    fn into_execution(self) -> Result<(RequestId, Execution), StoreError> {
        let id: RequestId = self
            .request_id
            .parse()
            .map_err(|cause| StoreError::inconsistent("executions", "request_id", &self.request_id, cause))?;
        let digest = |column, text: &str| {
            text.parse().map_err(|cause: crate::approval::InvalidDigest| {
                StoreError::inconsistent("executions", column, id, cause)
            })
        };
        let number =
            |column| move |cause: std::num::TryFromIntError| StoreError::inconsistent("executions", column, id, cause);
        let execution = Execution {
            status: unwire(self.status).map_err(|cause| StoreError::inconsistent("executions", "status", id, cause))?,
            digest: digest("digest", &self.digest)?,
            use_by: Timestamp::from_micros(self.use_by),
            // Earlier versions gave every claim the fencing token 1.
            fence: self.claim_fence.unwrap_or(self.fence).try_into().map_err(number("fence"))?,
            lease_seconds: self.lease_seconds.try_into().map_err(number("lease_seconds"))?,
            lease_expires_at: self.lease_expires_at.map(Timestamp::from_micros),
            claimed_at: self.claimed_at.map(Timestamp::from_micros),
            claimed_by: self.claimed_by,
            claim_key: self.claim_key,
            finished_at: self.finished_at.map(Timestamp::from_micros),
            exit_code: self.exit_code.map(i32::try_from).transpose().map_err(number("exit_code"))?,
            output: self.output,
            output_truncated: self.output_truncated != 0,
            output_digest: self.output_digest.as_deref().map(|text| digest("output_digest", text)).transpose()?,
            reason: self.reason,
            revoked_by: self
                .revoked_by
                .map(|email| email.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("executions", "revoked_by", id, cause))?,
        };
        Ok((id, execution))
    }
}
