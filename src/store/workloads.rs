//! Workloads, each with its token, and the platforms' tokens that were exchanged.

use super::arg::args;
use super::{Session, StoreError, tokens};
use crate::approval::Digest;
use crate::identity::Token;
use crate::ids::TokenId;
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    token_id: String,
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    count: i64,
}

/// Records that a platform's token was exchanged, which is valid until `end`. Returns false if it was exchanged before.
///
/// # Errors
/// When the database fails.
pub async fn use_up(session: &mut Session, token: &Digest, end: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO exchanged_tokens (digest, expires_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
    Ok(session.execute(sql, args![token, end]).await? == 1)
}

/// The id of the workload's token, if it has one.
///
/// # Errors
/// When the database fails or the row cannot be read.
pub async fn token_of(session: &mut Session, workload: &Digest) -> Result<Option<TokenId>, StoreError> {
    let sql = "SELECT token_id FROM workloads WHERE digest = $1";
    let row: Option<IdRow> = session.fetch_optional(sql, args![workload]).await?;
    let bad = |cause| StoreError::inconsistent("workloads", "token_id", workload, cause);
    row.map(|row| row.token_id.parse()).transpose().map_err(bad)
}

/// How many workloads have a token.
///
/// # Errors
/// When the database fails.
pub async fn count(session: &mut Session) -> Result<u64, StoreError> {
    let row: CountRow = session.fetch_one("SELECT count(*) AS count FROM workloads", args![]).await?;
    Ok(row.count.unsigned_abs())
}

/// Gives a workload its token. `unused` is the digest of a secret that nobody has.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    session: &mut Session,
    workload: &Digest,
    token: &Token,
    unused: &Digest,
) -> Result<(), StoreError> {
    tokens::insert(session, token, unused).await?;
    let sql = "INSERT INTO workloads (digest, token_id) VALUES ($1, $2)";
    session.execute(sql, args![workload, &token.id]).await.map(drop)
}

/// Adds a secret to a workload's token, and deletes those that are over. Returns how many are valid.
///
/// A cached token need not be read again: it only ends later, and each secret has an end of its own.
///
/// # Errors
/// When the database fails.
pub async fn add_secret(
    session: &mut Session,
    id: TokenId,
    secret: &Digest,
    end: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let over = "DELETE FROM retired_token_secrets WHERE token_id = $1 AND valid_until <= $2";
    session.execute(over, args![&id, now]).await?;
    let add = "INSERT INTO retired_token_secrets (digest, token_id, valid_until) VALUES ($1, $2, $3)";
    session.execute(add, args![secret, &id, end]).await?;
    let later = "UPDATE tokens SET expires_at = $2 WHERE id = $1 AND expires_at < $2";
    session.execute(later, args![&id, end]).await?;
    let sql = "SELECT count(*) AS count FROM retired_token_secrets WHERE token_id = $1";
    let row: CountRow = session.fetch_one(sql, args![&id]).await?;
    Ok(row.count.unsigned_abs())
}

/// Replaces what a workload's token is limited to, and its name.
///
/// # Errors
/// When the database fails.
pub async fn change_token(session: &mut Session, token: &Token) -> Result<(), StoreError> {
    session.touch_configuration();
    let resources = serde_json::to_string(&token.resources)
        .map_err(|cause| StoreError::inconsistent("tokens", "resources", token.id, cause))?;
    let sql = "UPDATE tokens SET resources = $2, name = $3 WHERE id = $1";
    session.execute(sql, args![&token.id, resources, &token.name]).await.map(drop)
}

/// Deletes up to `limit` tokens of workloads that ended before `unused_since`, and the records of platforms' tokens that ended
/// before `now`.
///
/// # Errors
/// When the database fails.
pub async fn prune(
    session: &mut Session,
    now: Timestamp,
    unused_since: Timestamp,
    limit: u32,
) -> Result<(), StoreError> {
    let over = "DELETE FROM exchanged_tokens WHERE digest IN
        (SELECT digest FROM exchanged_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    session.execute(over, args![now, limit]).await?;
    let unused = "DELETE FROM tokens WHERE id IN
        (SELECT token_id FROM workloads JOIN tokens ON tokens.id = token_id WHERE expires_at < $1 LIMIT $2)";
    session.execute(unused, args![unused_since, limit]).await.map(drop)
}
