//! API tokens. Only a digest of the secret is stored.

use super::arg::args;
use super::codec::{unwire, wire};
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{Digest, Email};
use crate::identity::Token;
use crate::ids::TokenId;
use crate::time::Timestamp;

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    name: String,
    scope: String,
    person: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
}

/// Adds a token.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, token: &Token, secret: &Digest) -> Result<(), StoreError> {
    session.touch_configuration();
    let scope = wire(&token.scope).map_err(|cause| StoreError::inconsistent("tokens", "scope", token.id, cause))?;
    let sql = "INSERT INTO tokens (id, name, secret_digest, scope, person, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values =
        args![&token.id, &token.name, secret, scope, token.person.as_ref(), token.created_at, token.expires_at];
    session.execute(sql, values).await.map(drop)
}

/// The token with this secret's digest.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn by_secret(session: &mut Session, secret: &Digest) -> Result<Option<Token>, StoreError> {
    let sql = "SELECT id, name, scope, person, created_at, expires_at FROM tokens WHERE secret_digest = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![secret]).await?;
    row.map(Row::into_token).transpose()
}

/// Whether the token still exists.
///
/// # Errors
/// When the database fails.
pub async fn exists(session: &mut Session, id: TokenId) -> Result<bool, StoreError> {
    let row: Option<Row> = session
        .fetch_optional("SELECT id, name, scope, person, created_at, expires_at FROM tokens WHERE id = $1", args![&id])
        .await?;
    Ok(row.is_some())
}

/// Whether the person has an admin token that is not expired.
///
/// # Errors
/// When the database fails.
pub async fn is_admin(session: &mut Session, person: &Email, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "SELECT id, name, scope, person, created_at, expires_at FROM tokens
        WHERE person = $1 AND scope = 'admin' AND (expires_at IS NULL OR expires_at > $2) LIMIT 1";
    let row: Option<Row> = session.fetch_optional(sql, args![person, now]).await?;
    Ok(row.is_some())
}

/// Up to `limit` tokens after `after`, oldest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = "SELECT id, name, scope, person, created_at, expires_at FROM tokens WHERE id > $1 ORDER BY id LIMIT $2";
    let values = |after: &String, left| args![after, left];
    let listing = Listing { values, position: |row: &Row| row.id.clone(), read: Row::into_token };
    readable::page(session, sql, listing, after, limit).await
}

/// Deletes a token; returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, id: TokenId) -> Result<bool, StoreError> {
    session.touch_configuration();
    Ok(session.execute("DELETE FROM tokens WHERE id = $1", args![&id]).await? == 1)
}

impl Row {
    fn into_token(self) -> Result<Token, StoreError> {
        let id = self.id.as_str();
        Ok(Token {
            id: id.parse().map_err(|cause| StoreError::inconsistent("tokens", "id", id, cause))?,
            scope: unwire(self.scope).map_err(|cause| StoreError::inconsistent("tokens", "scope", id, cause))?,
            person: self
                .person
                .map(|person| person.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("tokens", "person", id, cause))?,
            name: self.name,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: self.expires_at.map(Timestamp::from_micros),
        })
    }
}
