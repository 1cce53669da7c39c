//! Remembered creations: the same key asks for the same thing.

use super::arg::{Arg, args};
use super::bulk::Bulk;
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

#[derive(sqlx_macros::FromRow)]
struct Row {
    body_digest: String,
    subject: String,
}

/// Among what is not written yet: looked at apart instead of writing it for the look, since most keys are new.
fn gathered(session: &Session, key: &Key) -> Option<Row> {
    let given = [key.principal.as_str(), key.operation, key.key.as_str()];
    let mut rows = session.gathered(&KEYS);
    let row = rows.find(|row| row.iter().zip(given).all(|(value, given)| value.text() == Some(given)))?;
    let text = |place: usize| row.get(place).and_then(Arg::text).unwrap_or_default().to_owned();
    Some(Row { body_digest: text(3), subject: text(4) })
}

/// What the key was used for, if it was.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn find(session: &mut Session, key: &Key) -> Result<Option<Used>, StoreError> {
    let sql = "SELECT body_digest, subject FROM idempotency_keys WHERE principal = $1 AND operation = $2 AND key = $3";
    let row: Option<Row> = match gathered(session, key) {
        Some(row) => Some(row),
        None => session.peek_optional(sql, args![&key.principal, key.operation, &key.key]).await?,
    };
    row.map(|row| {
        let body = row
            .body_digest
            .parse()
            .map_err(|cause| StoreError::inconsistent("idempotency_keys", "body_digest", &key.key, cause))?;
        Ok(Used { body, subject: row.subject })
    })
    .transpose()
}

static KEYS: Bulk =
    Bulk::new(2, "INSERT INTO idempotency_keys (principal, operation, key, body_digest, subject, created_at)", 6, "");

/// Remembers what the key was used for.
pub fn remember(session: &mut Session, key: &Key, used: &Used, now: Timestamp) {
    session.add(&KEYS, args![&key.principal, key.operation, &key.key, &used.body, &used.subject, now]);
}
