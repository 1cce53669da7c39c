//! Changes of a request's row after its creation.

use sqlx::AssertSqlSafe;

use crate::approval::{Decision, Payload, Request, pattern_digest};
use crate::ids::RequestId;
use crate::store::arg::args;
use crate::store::{Session, StoreError};
use crate::time::Timestamp;

/// Ends a pending request; returns whether it was pending.
///
/// # Errors
/// When the database fails.
pub async fn end(session: &mut Session, id: RequestId, decision: &Decision, at: Timestamp) -> Result<bool, StoreError> {
    let text =
        serde_json::to_string(decision).map_err(|cause| StoreError::inconsistent("requests", "decision", id, cause))?;
    let sql = "UPDATE requests SET status = $1, decided_at = $2, decision = $3, notice_at = NULL, undecidable = 0
        WHERE id = $4 AND status = 'pending'";
    let ended = session.execute(sql, args![decision.outcome.as_str(), at, text, &id]).await? == 1;
    session.execute("UPDATE request_groups SET open = 0 WHERE request_id = $1", args![&id]).await?;
    Ok(ended)
}

/// Writes a pending request's new revision, and stores its previous payload.
///
/// # Errors
/// When the database fails.
pub async fn revise(
    session: &mut Session,
    request: &Request,
    before: &Payload,
    digest: &str,
) -> Result<(), StoreError> {
    let bad = |column| move |cause: serde_json::Error| StoreError::inconsistent("requests", column, request.id, cause);
    let context = |payload: &Payload| payload.context.as_ref().map(serde_json::Value::to_string);
    let sql = "INSERT INTO revisions (request_id, revision, command, language, context, duration_seconds, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = args![
        &request.id,
        request.revision - 1,
        &before.command,
        before.language.clone(),
        context(before),
        before.duration_seconds.map(i64::from),
        digest,
    ];
    session.execute(sql, values).await?;
    let sql = "UPDATE requests SET revision = $1, command = $2, language = $3, context = $4, duration_seconds = $5, digest = $6,
            terms = $7, change = $8, pattern_digest = $9
        WHERE id = $10 AND status = 'pending'";
    let values = args![
        request.revision,
        &request.payload.command,
        request.payload.language.clone(),
        context(&request.payload),
        request.payload.duration_seconds.map(i64::from),
        &request.digest,
        serde_json::to_string(&request.terms).map_err(bad("terms"))?,
        request.change.as_ref().map(serde_json::to_string).transpose().map_err(bad("change"))?,
        &pattern_digest(request.kind, &request.payload.command),
        &request.id,
    ];
    session.execute(sql, values).await?;
    // The new payload may match other rules, which ask other groups.
    session.execute("UPDATE request_groups SET open = 0 WHERE request_id = $1", args![&request.id]).await?;
    add_groups(session, request).await
}

/// Writes the progress of a pending request's reminders and escalation, and the groups that are asked by now.
///
/// # Errors
/// When the database fails.
pub async fn notice(session: &mut Session, request: &Request) -> Result<(), StoreError> {
    let terms = serde_json::to_string(&request.terms)
        .map_err(|cause| StoreError::inconsistent("requests", "terms", request.id, cause))?;
    let sql = "UPDATE requests SET terms = $1, reminders = $2, escalations = $3, notice_at = $4 WHERE id = $5 AND status = 'pending'";
    let (progress, next) = (request.progress, request.next_notice());
    session.execute(sql, args![terms, progress.reminders, progress.escalations, next, &request.id]).await?;
    add_groups(session, request).await
}

/// Writes whether a pending request can still be decided.
///
/// # Errors
/// When the database fails.
pub async fn set_undecidable(session: &mut Session, id: RequestId, undecidable: bool) -> Result<(), StoreError> {
    let sql = "UPDATE requests SET undecidable = $1 WHERE id = $2 AND status = 'pending'";
    session.execute(sql, args![i64::from(undecidable), &id]).await.map(drop)
}

/// Writes which request supersedes this one.
///
/// # Errors
/// When the database fails.
pub async fn set_successor(session: &mut Session, id: RequestId, successor: RequestId) -> Result<(), StoreError> {
    session.execute("UPDATE requests SET superseded_by = $1 WHERE id = $2", args![&successor, &id]).await.map(drop)
}

/// Records which groups a pending request asks, for lists by group.
async fn add_groups(session: &mut Session, request: &Request) -> Result<(), StoreError> {
    let mut values = args![&request.id, request.expires_at];
    let mut rows = Vec::new();
    for group in request.terms.groups() {
        values.push(group.into());
        rows.push(format!("(${}, $1, 1, $2)", values.len()));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO request_groups (group_name, request_id, open, expires_at) VALUES {}
         ON CONFLICT (group_name, request_id) DO UPDATE SET open = excluded.open, expires_at = excluded.expires_at",
        rows.join(", ")
    );
    session.execute(AssertSqlSafe(sql), values).await.map(drop)
}
