//! Which person a chat account belongs to, and the codes with which people link their accounts themselves.

use serde::{Deserialize, Serialize};

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::{Digest, Email};
use crate::time::Timestamp;

/// A chat that vouches for its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Slack,
}

impl Provider {
    /// The name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
        }
    }
}

/// An account of a chat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub provider: Provider,
    /// The workspace, for example `T0123ABCD`.
    pub team: String,
    /// The member, for example `U0123ABCD`.
    pub user: String,
}

#[derive(sqlx_macros::FromRow)]
struct PersonRow {
    person: String,
}

#[derive(sqlx_macros::FromRow)]
struct AccountRow {
    team: String,
    member: String,
}

#[derive(sqlx_macros::FromRow)]
struct CodeRow {
    team: String,
    member: String,
    member_name: String,
}

/// The person that the account belongs to.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn person_of(session: &mut Session, account: &Account) -> Result<Option<Email>, StoreError> {
    let sql = "SELECT person FROM chat_identities WHERE provider = $1 AND team = $2 AND member = $3";
    let values = args![account.provider.as_str(), &account.team, &account.user];
    let row: Option<PersonRow> = session.fetch_optional(sql, values).await?;
    let bad = |cause| StoreError::inconsistent("chat_identities", "person", &account.user, cause);
    row.map(|row| row.person.parse()).transpose().map_err(bad)
}

/// The accounts of a person, in order.
///
/// # Errors
/// When the database fails.
pub async fn of_person(session: &mut Session, person: &Email) -> Result<Vec<Account>, StoreError> {
    let sql = "SELECT team, member FROM chat_identities WHERE person = $1 ORDER BY provider, team, member";
    let rows: Vec<AccountRow> = session.fetch_all(sql, args![person]).await?;
    let account = |row: AccountRow| Account { provider: Provider::Slack, team: row.team, user: row.member };
    Ok(rows.into_iter().map(account).collect())
}

/// Links the account to a person. It must not be linked to another.
///
/// # Errors
/// When the database fails.
pub async fn bind(session: &mut Session, account: &Account, person: &Email, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO chat_identities (provider, team, member, person, bound_at) VALUES ($1, $2, $3, $4, $5)";
    let values = args![account.provider.as_str(), &account.team, &account.user, person, now];
    session.execute(sql, values).await.map(drop)
}

/// Unlinks the account.
///
/// # Errors
/// When the database fails.
pub async fn unbind(session: &mut Session, account: &Account) -> Result<(), StoreError> {
    let sql = "DELETE FROM chat_identities WHERE provider = $1 AND team = $2 AND member = $3";
    session.execute(sql, args![account.provider.as_str(), &account.team, &account.user]).await.map(drop)
}

/// Stores a code for the account in place of an earlier one, and deletes expired codes.
///
/// # Errors
/// When the database fails.
pub async fn put_code(
    session: &mut Session,
    code: &Digest,
    account: &Account,
    name: &str,
    (now, until): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let provider = account.provider.as_str();
    let sql = "DELETE FROM chat_link_codes WHERE (provider = $1 AND team = $2 AND member = $3) OR expires_at <= $4";
    session.execute(sql, args![provider, &account.team, &account.user, now]).await?;
    let sql = "INSERT INTO chat_link_codes (code_digest, provider, team, member, member_name, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    session.execute(sql, args![code, provider, &account.team, &account.user, name, until]).await.map(drop)
}

/// Consumes a code; returns the account that it was issued to, and the display name there. None when it is unknown or
/// expired.
///
/// # Errors
/// When the database fails.
pub async fn use_code(
    session: &mut Session,
    code: &Digest,
    now: Timestamp,
) -> Result<Option<(Account, String)>, StoreError> {
    let sql = "DELETE FROM chat_link_codes WHERE code_digest = $1 AND expires_at > $2
        RETURNING team, member, member_name";
    let row: Option<CodeRow> = session.fetch_optional(sql, args![code, now]).await?;
    Ok(row.map(|row| (Account { provider: Provider::Slack, team: row.team, user: row.member }, row.member_name)))
}
