//! Users of a directory.

use super::super::arg::{args, chunks};
use super::super::{Session, StoreError};
use super::search::{Condition, search};
use crate::approval::Email;
use crate::identity::scim::UserAttributes;
use crate::ids::ScimUserId;
use crate::time::Timestamp;
use sqlx::AssertSqlSafe;

/// A user as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScimUser {
    pub id: ScimUserId,
    /// The person.
    pub email: Email,
    pub attributes: UserAttributes,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    email: String,
    attributes: String,
    created_at: i64,
    updated_at: i64,
}

const COLUMNS: &str = "id, email, attributes, created_at, updated_at";

/// Adds a user, or replaces the one with this id.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, user: &ScimUser) -> Result<(), StoreError> {
    session.touch_configuration();
    let sql = "INSERT INTO scim_users
            (id, user_key, external_id, display_key, email, active, attributes, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO UPDATE SET user_key = excluded.user_key, external_id = excluded.external_id,
            display_key = excluded.display_key, email = excluded.email, active = excluded.active,
            attributes = excluded.attributes, updated_at = excluded.updated_at";
    let known = &user.attributes;
    let attributes = serde_json::to_string(known)
        .map_err(|cause| StoreError::inconsistent("scim_users", "attributes", user.id, cause))?;
    let values = args![
        &user.id,
        known.user_name.to_lowercase(),
        known.external_id.clone(),
        known.display_name.as_ref().map(|name| name.to_lowercase()),
        &user.email,
        i64::from(known.active),
        attributes,
        user.created_at,
        user.updated_at
    ];
    session.execute(sql, values).await.map(drop)
}

/// One user.
///
/// # Errors
/// When the database fails or the row cannot be read.
pub async fn get(session: &mut Session, id: ScimUserId) -> Result<Option<ScimUser>, StoreError> {
    let sql = "SELECT id, email, attributes, created_at, updated_at FROM scim_users WHERE id = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![&id]).await?;
    row.map(Row::into_user).transpose()
}

/// Another user with the same user name, whatever its case, or with the same address.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn alike(session: &mut Session, user: &ScimUser) -> Result<Option<ScimUser>, StoreError> {
    let sql = "SELECT id, email, attributes, created_at, updated_at FROM scim_users
        WHERE (user_key = $1 OR email = $2) AND id <> $3 LIMIT 1";
    let values = args![user.attributes.user_name.to_lowercase(), &user.email, &user.id];
    let row: Option<Row> = session.fetch_optional(sql, values).await?;
    row.map(Row::into_user).transpose()
}

/// How many users meet the conditions, and those of them from number `skip` on, in the order of ids.
///
/// # Errors
/// When the database fails.
pub async fn list(
    session: &mut Session,
    conditions: &[Condition],
    part: (u32, u32),
) -> Result<(u64, Vec<ScimUser>), StoreError> {
    let (total, rows) = search::<Row>(session, ("scim_users", COLUMNS), conditions, part).await?;
    Ok((total, session.unreadable().convert_some(rows, Row::into_user)))
}

/// The users with these ids, with their addresses and whether they are active.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn known(session: &mut Session, ids: &[ScimUserId]) -> Result<Vec<(ScimUserId, Email, bool)>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct KnownRow {
        id: String,
        email: String,
        active: i64,
    }
    let mut known = Vec::new();
    for (places, values) in chunks(ids) {
        let sql = format!("SELECT id, email, active FROM scim_users WHERE id IN ({places})");
        let rows: Vec<KnownRow> = session.fetch_all(AssertSqlSafe(sql), values).await?;
        for row in rows {
            known.push((parse_id(&row.id)?, parse_email(&row.id, &row.email)?, row.active != 0));
        }
    }
    Ok(known)
}

/// One of these people whom the directory has deactivated, if there is one.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn deactivated(session: &mut Session, people: &[Email]) -> Result<Option<Email>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct EmailRow {
        email: String,
    }
    for (places, values) in chunks(people) {
        let sql =
            format!("SELECT email FROM scim_users WHERE email IN ({places}) AND active = 0 ORDER BY email LIMIT 1");
        let row: Option<EmailRow> = session.fetch_optional(AssertSqlSafe(sql), values).await?;
        if let Some(row) = row {
            return parse_email(&row.email, &row.email).map(Some);
        }
    }
    Ok(None)
}

/// Deletes a user, also as a member of groups.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, id: ScimUserId) -> Result<(), StoreError> {
    session.touch_configuration();
    session.execute("DELETE FROM scim_users WHERE id = $1", args![&id]).await.map(drop)
}

impl Row {
    fn into_user(self) -> Result<ScimUser, StoreError> {
        let attributes = serde_json::from_str(&self.attributes)
            .map_err(|cause| StoreError::inconsistent("scim_users", "attributes", &self.id, cause))?;
        Ok(ScimUser {
            id: parse_id(&self.id)?,
            email: parse_email(&self.id, &self.email)?,
            attributes,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

fn parse_id(id: &str) -> Result<ScimUserId, StoreError> {
    id.parse().map_err(|cause| StoreError::inconsistent("scim_users", "id", id, cause))
}

fn parse_email(row: &str, email: &str) -> Result<Email, StoreError> {
    email.parse().map_err(|cause| StoreError::inconsistent("scim_users", "email", row, cause))
}
