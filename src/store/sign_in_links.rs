//! One-time links with which people sign in. Only a digest of each secret is stored.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::{Digest, Email};
use crate::ids::SignInLinkId;
use crate::time::Timestamp;

/// A one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLink {
    pub id: SignInLinkId,
    /// Who signs in with it; the first link of a hub asks.
    pub person: Option<Email>,
    /// Whether it makes the person an admin.
    pub admin: bool,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    person: Option<String>,
    admin: i64,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

/// Adds a link, and deletes up to 100 that ended a day ago.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, link: &SignInLink, secret: &Digest) -> Result<(), StoreError> {
    let day_ago = Timestamp::from_micros(link.created_at.as_micros().saturating_sub(86_400_000_000));
    let over = "DELETE FROM sign_in_links WHERE id IN
        (SELECT id FROM sign_in_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT 100)";
    session.execute(over, args![day_ago]).await?;
    let sql = "INSERT INTO sign_in_links (id, secret_digest, person, admin, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let values = args![&link.id, secret, link.person.as_ref(), i64::from(link.admin), link.created_at, link.expires_at];
    session.execute(sql, values).await.map(drop)
}

/// Deletes all links that name nobody.
///
/// # Errors
/// When the database fails.
pub async fn delete_unnamed(session: &mut Session) -> Result<(), StoreError> {
    session.execute("DELETE FROM sign_in_links WHERE person IS NULL", args![]).await.map(drop)
}

/// The link of that secret, whether it is over or not.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn by_secret(session: &mut Session, secret: &Digest) -> Result<Option<SignInLink>, StoreError> {
    let sql = "SELECT id, person, admin, created_at, expires_at, used_at FROM sign_in_links WHERE secret_digest = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![secret]).await?;
    row.map(Row::into_link).transpose()
}

/// Records the one use of a link.
///
/// # Errors
/// When the database fails.
pub async fn record_use(session: &mut Session, id: SignInLinkId, now: Timestamp) -> Result<(), StoreError> {
    session.execute("UPDATE sign_in_links SET used_at = $2 WHERE id = $1", args![&id, now]).await.map(drop)
}

impl Row {
    fn into_link(self) -> Result<SignInLink, StoreError> {
        let key = &self.id;
        Ok(SignInLink {
            id: key.parse().map_err(|cause| StoreError::inconsistent("sign_in_links", "id", key, cause))?,
            person: self
                .person
                .map(|person| person.parse())
                .transpose()
                .map_err(|cause| StoreError::inconsistent("sign_in_links", "person", key, cause))?,
            admin: self.admin != 0,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            used_at: self.used_at.map(Timestamp::from_micros),
        })
    }
}
