//! API tokens. Only a digest of each secret is stored.

use std::sync::Arc;

use super::arg::args;
use super::codec::{unwire, wire};
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::{Digest, Email};
use crate::identity::Token;
use crate::ids::TokenId;
use crate::time::Timestamp;

/// What a secret stands for.
#[derive(Debug, Clone)]
pub struct Credential {
    pub token: Arc<Token>,
    /// Until when this secret is valid, when the token has a newer one.
    pub retires_at: Option<Timestamp>,
}

/// A token with what is on record about it.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    pub token: Token,
    /// To the hour; `None` when it was never used.
    pub last_used_at: Option<Timestamp>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    name: String,
    scope: String,
    person: Option<String>,
    resources: String,
    agent: i64,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    valid_until: Option<i64>,
}

/// The columns of [`Row`], but for the last one.
macro_rules! columns {
    () => {
        "tokens.id, name, scope, person, resources, agent, created_at, expires_at, last_used_at"
    };
}

/// Adds a token.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, token: &Token, secret: &Digest) -> Result<(), StoreError> {
    session.touch_configuration();
    let failed = |column, cause| StoreError::inconsistent("tokens", column, token.id, cause);
    let scope = wire(&token.scope).map_err(|cause| failed("scope", cause))?;
    let resources = serde_json::to_string(&token.resources).map_err(|cause| failed("resources", cause))?;
    let sql = "INSERT INTO tokens (id, name, secret_digest, scope, person, resources, agent, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = args![
        &token.id,
        &token.name,
        secret,
        scope,
        token.person.as_ref(),
        resources,
        i64::from(token.agent),
        token.created_at,
        token.expires_at
    ];
    session.execute(sql, values).await.map(drop)
}

/// What that secret stands for, whether it is valid or not.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn by_secret(session: &mut Session, secret: &Digest) -> Result<Option<Credential>, StoreError> {
    let current = concat!("SELECT ", columns!(), ", NULL AS valid_until FROM tokens WHERE secret_digest = $1");
    let retired = concat!(
        "SELECT ",
        columns!(),
        ", valid_until FROM retired_token_secrets JOIN tokens ON tokens.id = token_id WHERE digest = $1"
    );
    let row: Option<Row> = match session.fetch_optional(current, args![secret]).await? {
        Some(row) => Some(row),
        None => session.fetch_optional(retired, args![secret]).await?,
    };
    row.map(|row| {
        let retires_at = row.valid_until.map(Timestamp::from_micros);
        Ok(Credential { token: Arc::new(row.into_record()?.token), retires_at })
    })
    .transpose()
}

/// One token.
///
/// # Errors
/// When the database fails or its row cannot be read.
pub async fn get(session: &mut Session, id: TokenId) -> Result<Option<TokenRecord>, StoreError> {
    let sql = concat!("SELECT ", columns!(), ", NULL AS valid_until FROM tokens WHERE id = $1");
    let row: Option<Row> = session.fetch_optional(sql, args![&id]).await?;
    row.map(Row::into_record).transpose()
}

/// Whether the person has an admin's token.
///
/// # Errors
/// When the database fails.
pub async fn is_admin(session: &mut Session, person: &Email, now: Timestamp) -> Result<bool, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", NULL AS valid_until FROM tokens
        WHERE person = $1 AND scope = 'admin' AND (expires_at IS NULL OR expires_at > $2) LIMIT 1"
    );
    let row: Option<Row> = session.fetch_optional(sql, args![person, now]).await?;
    Ok(row.is_some())
}

/// Up to `limit` tokens behind `after`, oldest first.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn page(session: &mut Session, after: Option<TokenId>, limit: u32) -> Result<Vec<TokenRecord>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", NULL AS valid_until FROM tokens WHERE tokens.id > $1 ORDER BY tokens.id LIMIT $2"
    );
    let values = |after: &String, left| args![after, left];
    let listing = Listing { values, position: |row: &Row| row.id.clone(), read: Row::into_record };
    readable::page(session, sql, listing, after, limit).await
}

/// The tokens that expire between these times, the first ones first.
///
/// # Errors
/// When the database fails.
pub async fn expiring(
    session: &mut Session,
    from: Timestamp,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Token>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", NULL AS valid_until FROM tokens WHERE expires_at > $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3"
    );
    let rows: Vec<Row> = session.fetch_all(sql, args![from, until, limit]).await?;
    let records = session.unreadable().convert_some(rows, Row::into_record);
    Ok(records.into_iter().map(|record| record.token).collect())
}

/// Gives a token another secret and end. The earlier secret stays valid until `retires_at`, when that is given; all earlier ones are
/// void when it is not. Sessions that began with them end with them. Returns how many earlier secrets are valid now.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    session: &mut Session,
    token: &Token,
    secret: &Digest,
    retires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    session.touch_configuration();
    if let Some(at) = retires_at {
        let over = "DELETE FROM retired_token_secrets WHERE token_id = $1 AND valid_until <= $2";
        session.execute(over, args![&token.id, now]).await?;
        let retire = "INSERT INTO retired_token_secrets (digest, token_id, valid_until)
            SELECT secret_digest, id, $2 FROM tokens WHERE id = $1";
        session.execute(retire, args![&token.id, at]).await?;
    } else {
        session.execute("DELETE FROM retired_token_secrets WHERE token_id = $1", args![&token.id]).await?;
    }
    let renew = "UPDATE tokens SET secret_digest = $2, expires_at = $3 WHERE id = $1";
    session.execute(renew, args![&token.id, secret, token.expires_at]).await?;
    // Who signed in with an earlier secret is signed out when it ends: it may be the leaked one.
    let last = retires_at.unwrap_or(now);
    let shorten = "UPDATE sessions SET expires_at = $2 WHERE token_id = $1 AND expires_at > $2";
    session.execute(shorten, args![&token.id, last]).await?;
    let row: CountRow = session
        .fetch_one("SELECT count(*) AS count FROM retired_token_secrets WHERE token_id = $1", args![&token.id])
        .await?;
    Ok(row.count.unsigned_abs())
}

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    count: i64,
}

/// Records that a token was used in the hour that begins at `hour`. This is no change of configuration.
///
/// # Errors
/// When the database fails.
pub async fn record_use(session: &mut Session, id: TokenId, hour: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    session.execute(sql, args![&id, hour]).await.map(drop)
}

/// Deletes a token with its secrets. Returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, id: TokenId) -> Result<bool, StoreError> {
    session.touch_configuration();
    Ok(session.execute("DELETE FROM tokens WHERE id = $1", args![&id]).await? == 1)
}

/// Deletes all tokens of a person with their secrets; returns their ids.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn delete_of(session: &mut Session, person: &Email) -> Result<Vec<TokenId>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct IdRow {
        id: String,
    }
    let rows: Vec<IdRow> =
        session.fetch_all("SELECT id FROM tokens WHERE person = $1 ORDER BY id", args![person]).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    session.touch_configuration();
    session.execute("DELETE FROM tokens WHERE person = $1", args![person]).await?;
    rows.iter()
        .map(|row| row.id.parse().map_err(|cause| StoreError::inconsistent("tokens", "id", &row.id, cause)))
        .collect()
}

impl Row {
    fn into_record(self) -> Result<TokenRecord, StoreError> {
        let id = self.id.as_str();
        let token = Token {
            id: id.parse().map_err(|cause| StoreError::inconsistent("tokens", "id", id, cause))?,
            scope: unwire(self.scope).map_err(|cause| StoreError::inconsistent("tokens", "scope", id, cause))?,
            person: self
                .person
                .map(|person| person.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("tokens", "person", id, cause))?,
            resources: serde_json::from_str(&self.resources)
                .map_err(|cause| StoreError::inconsistent("tokens", "resources", id, cause))?,
            agent: self.agent != 0,
            name: self.name,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: self.expires_at.map(Timestamp::from_micros),
        };
        Ok(TokenRecord { token, last_used_at: self.last_used_at.map(Timestamp::from_micros) })
    }
}
