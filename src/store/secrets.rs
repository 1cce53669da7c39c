//! Stored secrets: sealing and opening the columns that hold them, and sealing again what is in clear or under an older
//! key.

use std::sync::Arc;

use super::arg::{args, chunks};
use super::{Session, StoreError};
use crate::sealing::{KeyId, Place, SealingKeys};
use sqlx::AssertSqlSafe;

/// Seals a value of a column.
pub(super) fn seal(
    keys: &SealingKeys,
    table: &'static str,
    row: &str,
    column: &'static str,
    text: &str,
) -> Result<String, StoreError> {
    Ok(keys.seal(Place { table, row, column }, text)?)
}

/// Opens a value of a column; returns a value in clear as it is.
pub(super) fn open(
    keys: &SealingKeys,
    table: &'static str,
    row: &str,
    column: &'static str,
    stored: String,
) -> Result<String, StoreError> {
    keys.open(Place { table, row, column }, stored).map_err(|cause| StoreError::inconsistent(table, column, row, cause))
}

/// A part of the endpoints, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The last endpoint; none behind the end.
    pub last: Option<String>,
    /// Those with secrets that are not sealed with the key that seals now.
    pub stale: Vec<String>,
}

/// The result of [`reseal`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Endpoints whose secrets were sealed.
    pub sealed: u64,
    /// Endpoints with a secret that cannot be opened. They stay as they are.
    pub unreadable: u64,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    url: String,
    secret: Option<String>,
    transport: String,
    retiring: String,
}

/// The key that seals secrets in this database. None: they are in clear.
///
/// # Errors
/// When the database fails or the key's id cannot be read.
pub async fn sealing_key(session: &mut Session) -> Result<Option<KeyId>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct KeyRow {
        secrets_key: Option<String>,
    }
    let sql = "SELECT secrets_key FROM configuration WHERE id = 1";
    let row: Option<KeyRow> = session.fetch_optional(sql, args![]).await?;
    let id = row.and_then(|row| row.secrets_key);
    id.map(|id| id.parse().map_err(|cause| StoreError::inconsistent("configuration", "secrets_key", 1, cause)))
        .transpose()
}

/// Records the key that seals secrets in this database from now on. Returns whether `was` sealed them until now; if not,
/// nothing is changed.
///
/// # Errors
/// When the database fails.
pub async fn set_sealing_key(session: &mut Session, was: Option<KeyId>, key: KeyId) -> Result<bool, StoreError> {
    let sql = "UPDATE configuration SET secrets_key = $1 WHERE id = 1 AND coalesce(secrets_key, '') = $2";
    let was = was.map(|was| was.to_string()).unwrap_or_default();
    Ok(session.execute(sql, args![key.to_string(), was]).await? == 1)
}

/// Up to `limit` endpoints behind `after`, in any state.
///
/// # Errors
/// When the database fails.
pub async fn part(session: &mut Session, after: &str, limit: u32) -> Result<Part, StoreError> {
    let sql = "SELECT id, url, secret, transport, retiring FROM endpoints WHERE id > $1 ORDER BY id LIMIT $2";
    let rows: Vec<Row> = session.fetch_all(sql, args![after, limit]).await?;
    let keys = session.secrets();
    Ok(Part {
        last: rows.last().map(|row| row.id.clone()),
        stale: rows.into_iter().filter(|row| !row.is_current(keys)).map(|row| row.id).collect(),
    })
}

/// Seals the secrets of endpoints with the key that seals now.
///
/// # Errors
/// When the database fails, or this hub does not have the key.
pub async fn reseal(session: &mut Session, ids: &[String]) -> Result<Resealed, StoreError> {
    let mut done = Resealed::default();
    let keys = Arc::clone(session.secrets());
    for (places, values) in chunks(ids) {
        let sql = format!("SELECT id, url, secret, transport, retiring FROM endpoints WHERE id IN ({places})");
        let rows: Vec<Row> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        // Another replica may have sealed some of them meanwhile.
        for row in rows.into_iter().filter(|row| !row.is_current(&keys)) {
            let id = row.id.clone();
            match row.sealed_again(&keys) {
                Ok(Row { id, url, secret, transport, retiring }) => {
                    let sql = "UPDATE endpoints SET url = $2, secret = $3, transport = $4, retiring = $5 WHERE id = $1";
                    session.execute(sql, args![id, url, secret, transport, retiring]).await?;
                    done.sealed += 1;
                }
                Err(error @ StoreError::Inconsistent { .. }) => {
                    tracing::debug!(endpoint = %id, error = &error as &dyn std::error::Error, "a secret cannot be opened");
                    done.unreadable += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(done)
}

impl Row {
    fn is_current(&self, keys: &SealingKeys) -> bool {
        let texts = [Some(&self.url), self.secret.as_ref(), Some(&self.transport), Some(&self.retiring)];
        texts.into_iter().flatten().all(|text| keys.is_current(text))
    }

    fn sealed_again(self, keys: &SealingKeys) -> Result<Self, StoreError> {
        let again = |column, stored| {
            let text = open(keys, "endpoints", &self.id, column, stored)?;
            seal(keys, "endpoints", &self.id, column, &text)
        };
        let secret = self.secret.map(|secret| again("secret", secret)).transpose()?;
        let (url, transport) = (again("url", self.url)?, again("transport", self.transport)?);
        let retiring = again("retiring", self.retiring)?;
        Ok(Self { id: self.id, url, secret, transport, retiring })
    }
}
