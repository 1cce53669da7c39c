//! What people typed into the page of a link before they had to sign in. Only a digest of each secret is stored.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::Digest;
use crate::time::Timestamp;

/// Most drafts that are kept at once; the oldest ones are dropped.
const MAX_DRAFTS: i64 = 1_000;

#[derive(sqlx_macros::FromRow)]
struct Row {
    body: String,
}

/// Keeps a draft, and deletes those that are over.
///
/// # Errors
/// When the database fails.
pub async fn put(
    session: &mut Session,
    secret: &Digest,
    link: &Digest,
    body: &str,
    (now, expires_at): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    session.execute("DELETE FROM drafts WHERE expires_at <= $1", args![now]).await?;
    let surplus = "DELETE FROM drafts WHERE secret_digest IN
        (SELECT secret_digest FROM drafts ORDER BY expires_at DESC LIMIT 1000 OFFSET $1)";
    session.execute(surplus, args![MAX_DRAFTS - 1]).await?;
    let sql = "INSERT INTO drafts (secret_digest, link_digest, body, expires_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (secret_digest) DO UPDATE
        SET link_digest = excluded.link_digest, body = excluded.body, expires_at = excluded.expires_at";
    session.execute(sql, args![secret, link, body, expires_at]).await.map(drop)
}

/// The draft for that link's page.
///
/// # Errors
/// When the database fails.
pub async fn get(
    session: &mut Session,
    secret: &Digest,
    link: &Digest,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT body FROM drafts WHERE secret_digest = $1 AND link_digest = $2 AND expires_at > $3";
    let row: Option<Row> = session.fetch_optional(sql, args![secret, link, now]).await?;
    Ok(row.map(|row| row.body))
}
