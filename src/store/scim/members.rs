//! Whom a directory counts to its groups, active or not.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use super::super::arg::{Arg, args, chunks};
use super::super::bulk::Bulk;
use super::super::{Session, StoreError};
use super::groups::{self, ScimGroup};
use crate::approval::Email;
use crate::ids::{ScimGroupId, ScimUserId};

#[derive(sqlx_macros::FromRow)]
struct IdRow {
    id: String,
}

#[derive(sqlx_macros::FromRow)]
struct EmailRow {
    email: String,
}

static MEMBERS: Bulk = Bulk::new(2, "INSERT INTO scim_members (group_id, user_id)", 2, "");

/// The members of a group, in the order of ids.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn of_group(session: &mut Session, group: ScimGroupId) -> Result<Vec<ScimUserId>, StoreError> {
    let sql = "SELECT user_id AS id FROM scim_members WHERE group_id = $1 ORDER BY user_id";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![&group]).await?;
    rows.iter()
        .map(|row| row.id.parse().map_err(|cause| StoreError::inconsistent("scim_members", "user_id", &row.id, cause)))
        .collect()
}

/// The addresses of the members who are active.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn active(session: &mut Session, group: ScimGroupId) -> Result<BTreeSet<Email>, StoreError> {
    let sql = "SELECT u.email FROM scim_members m JOIN scim_users u ON u.id = m.user_id
        WHERE m.group_id = $1 AND u.active = 1";
    let rows: Vec<EmailRow> = session.fetch_all(sql, args![&group]).await?;
    rows.iter()
        .map(|row| {
            row.email.parse().map_err(|cause| StoreError::inconsistent("scim_users", "email", &row.email, cause))
        })
        .collect()
}

/// The groups of a user.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn groups_of(session: &mut Session, user: ScimUserId) -> Result<Vec<ScimGroup>, StoreError> {
    let sql = "SELECT group_id AS id FROM scim_members WHERE user_id = $1 ORDER BY group_id";
    let rows: Vec<IdRow> = session.fetch_all(sql, args![&user]).await?;
    let mut found = Vec::new();
    for row in rows {
        let id =
            row.id.parse().map_err(|cause| StoreError::inconsistent("scim_members", "group_id", &row.id, cause))?;
        found.extend(groups::get(session, id).await?);
    }
    Ok(found)
}

/// Replaces the members of a group. Only the difference is written.
///
/// # Errors
/// When the database fails.
pub async fn put(
    session: &mut Session,
    group: ScimGroupId,
    known: &BTreeSet<ScimUserId>,
    wanted: &BTreeSet<ScimUserId>,
) -> Result<(), StoreError> {
    let gone: Vec<ScimUserId> = known.difference(wanted).copied().collect();
    for (places, mut values) in chunks(&gone) {
        values.push(Arg::from(&group));
        let sql = format!("DELETE FROM scim_members WHERE user_id IN ({places}) AND group_id = ${}", values.len());
        session.execute(AssertSqlSafe(sql), values).await?;
    }
    for user in wanted.difference(known) {
        session.add(&MEMBERS, args![&group, user]);
    }
    Ok(())
}

/// Removes a user from all groups.
///
/// # Errors
/// When the database fails.
pub async fn remove(session: &mut Session, user: ScimUserId) -> Result<(), StoreError> {
    session.execute("DELETE FROM scim_members WHERE user_id = $1", args![&user]).await.map(drop)
}
