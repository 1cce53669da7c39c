//! Remembered creations: the same key asks for the same thing.

use super::session::args;
use super::{Session, StoreError};
use crate::approval::Digest;
use crate::time::Timestamp;

/// What a key stands for: who used it, for what.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose key: two callers may use the same text.
    pub principal: String,
    /// What is created.
    pub operation: &'static str,
    /// The caller's text.
    pub key: String,
}

/// What a key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Of the body that came with it.
    pub body: Digest,
    /// The id of what was created.
    pub subject: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    body_digest: String,
    subject: String,
}

/// What the key was used for, if it was.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn find(session: &mut Session, key: &Key) -> Result<Option<Used>, StoreError> {
    let sql = "SELECT body_digest, subject FROM idempotency_keys WHERE principal = $1 AND operation = $2 AND key = $3";
    let row: Option<Row> = session.fetch_optional(sql, args![&key.principal, key.operation, &key.key]).await?;
    row.map(|row| {
        let body = row
            .body_digest
            .parse()
            .map_err(|cause| StoreError::inconsistent("idempotency_keys", "body_digest", &key.key, cause))?;
        Ok(Used { body, subject: row.subject })
    })
    .transpose()
}

/// Remembers what the key was used for.
///
/// # Errors
/// When the database fails.
pub async fn remember(session: &mut Session, key: &Key, used: &Used, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO idempotency_keys (principal, operation, key, body_digest, subject, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let values = args![&key.principal, key.operation, &key.key, &used.body, &used.subject, now];
    session.execute(sql, values).await.map(drop)
}
