//! Sign-ins under way at the `OpenID` provider, and the logout tokens that it has sent. Only digests of their secrets are
//! stored.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::Digest;
use crate::time::Timestamp;

/// Rows that ended and are deleted when one is added.
const PRUNED: u32 = 100;

/// A sign-in that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSignIn {
    /// Of the cookie of the browser in which it began.
    pub browser: Digest,
    /// The page to go back to.
    pub return_path: String,
    /// Whether the provider was told to ask even those whom it knows.
    pub again: bool,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// When the provider's answer came.
    pub used_at: Option<Timestamp>,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    browser_digest: String,
    return_path: String,
    again: i64,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

/// Adds a sign-in, and deletes some that ended.
///
/// # Errors
/// When the database fails.
pub async fn insert(session: &mut Session, state: &Digest, new: &OidcSignIn) -> Result<(), StoreError> {
    let over = "DELETE FROM oidc_sign_ins WHERE state_digest IN
        (SELECT state_digest FROM oidc_sign_ins WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    session.execute(over, args![new.created_at, PRUNED]).await?;
    let sql = "INSERT INTO oidc_sign_ins (state_digest, browser_digest, return_path, again, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let again = i64::from(new.again);
    let values = args![state, &new.browser, &new.return_path, again, new.created_at, new.expires_at];
    session.execute(sql, values).await.map(drop)
}

/// Deletes the oldest sign-ins beyond the newest `kept`, up to `limit`.
///
/// # Errors
/// When the database fails.
pub async fn bound(session: &mut Session, kept: u32, limit: u32) -> Result<(), StoreError> {
    let sql = "DELETE FROM oidc_sign_ins WHERE state_digest IN
        (SELECT state_digest FROM oidc_sign_ins WHERE expires_at <=
            (SELECT expires_at FROM oidc_sign_ins ORDER BY expires_at DESC LIMIT 1 OFFSET $1)
        ORDER BY expires_at LIMIT $2)";
    session.execute(sql, args![kept, limit]).await.map(drop)
}

/// The sign-in of that state, whether it is over or not.
///
/// # Errors
/// When the database fails or its row cannot be read.
pub async fn get(session: &mut Session, state: &Digest) -> Result<Option<OidcSignIn>, StoreError> {
    let sql = "SELECT browser_digest, return_path, again, created_at, expires_at, used_at
        FROM oidc_sign_ins WHERE state_digest = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![state]).await?;
    row.map(|row| row.into_sign_in(state)).transpose()
}

/// Records that the provider's answer came.
///
/// # Errors
/// When the database fails.
pub async fn record_use(session: &mut Session, state: &Digest, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE oidc_sign_ins SET used_at = $2 WHERE state_digest = $1";
    session.execute(sql, args![state, now]).await.map(drop)
}

/// Records a logout token. Returns whether it is the first time, and deletes some that ended.
///
/// # Errors
/// When the database fails.
pub async fn record_logout(
    session: &mut Session,
    token: &Digest,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let over = "DELETE FROM oidc_logouts WHERE token_digest IN
        (SELECT token_digest FROM oidc_logouts WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    session.execute(over, args![now, PRUNED]).await?;
    let sql = "INSERT INTO oidc_logouts (token_digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(session.execute(sql, args![token, expires_at]).await? == 1)
}

impl Row {
    fn into_sign_in(self, state: &Digest) -> Result<OidcSignIn, StoreError> {
        let browser = self.browser_digest.parse();
        Ok(OidcSignIn {
            browser: browser
                .map_err(|cause| StoreError::inconsistent("oidc_sign_ins", "browser_digest", state, cause))?,
            return_path: self.return_path,
            again: self.again != 0,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            used_at: self.used_at.map(Timestamp::from_micros),
        })
    }
}
