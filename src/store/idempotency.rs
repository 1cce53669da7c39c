//! Idempotency keys: a repeated call with the same key returns what the first one created.

use super::arg::{Arg, args};
use super::bulk::Bulk;
use super::{Session, StoreError};
use crate::approval::Digest;
use crate::time::Timestamp;

/// An idempotency key, with its caller and operation.
#[derive(Debug, Clone)]
pub struct Key {
    /// The caller: two callers may use the same text.
    pub principal: String,
    pub operation: &'static str,
    pub key: String,
}

/// The first use of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The digest of the call's body.
    pub body: Digest,
    /// The id of what was created.
    pub subject: String,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    body_digest: String,
    subject: String,
}

/// Searches the gathered rows. Most keys are new, so writing the rows in order to search the table would cost more.
fn gathered(session: &Session, key: &Key) -> Option<Row> {
    let given = [key.principal.as_str(), key.operation, key.key.as_str()];
    let mut rows = session.gathered(&KEYS);
    let row = rows.find(|row| row.iter().zip(given).all(|(value, given)| value.text() == Some(given)))?;
    let text = |place: usize| row.get(place).and_then(Arg::text).unwrap_or_default().to_owned();
    Some(Row { body_digest: text(3), subject: text(4) })
}

/// The first use of the key, if there was one.
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

/// Records the first use of the key.
pub fn remember(session: &mut Session, key: &Key, used: &Used, now: Timestamp) {
    session.add(&KEYS, args![&key.principal, key.operation, &key.key, &used.body, &used.subject, now]);
}
