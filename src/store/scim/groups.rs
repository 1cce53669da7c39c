//! Groups of a directory. Each manages one group of the hub.

use super::super::arg::args;
use super::super::{Session, StoreError};
use super::search::{Condition, search};
use crate::approval::GroupName;
use crate::ids::ScimGroupId;
use crate::time::Timestamp;

/// A group as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScimGroup {
    pub id: ScimGroupId,
    /// The hub's group.
    pub name: GroupName,
    pub display_name: String,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    name: String,
    display_name: String,
    external_id: Option<String>,
    created_at: i64,
    updated_at: i64,
}

#[derive(sqlx_macros::FromRow)]
struct NameRow {
    name: String,
}

const COLUMNS: &str = "id, name, display_name, external_id, created_at, updated_at";

/// Adds a group, or replaces the one with this id. The hub's group must be there.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, group: &ScimGroup) -> Result<(), StoreError> {
    session.touch_configuration();
    let sql = "INSERT INTO scim_groups
            (id, name, name_key, external_id, display_name, display_key, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
            external_id = excluded.external_id, display_name = excluded.display_name,
            display_key = excluded.display_key, updated_at = excluded.updated_at";
    let values = args![
        &group.id,
        &group.name,
        key(&group.name),
        group.external_id.clone(),
        &group.display_name,
        group.display_name.to_lowercase(),
        group.created_at,
        group.updated_at
    ];
    session.execute(sql, values).await.map(drop)
}

/// One group.
///
/// # Errors
/// When the database fails or the row cannot be read.
pub async fn get(session: &mut Session, id: ScimGroupId) -> Result<Option<ScimGroup>, StoreError> {
    let sql = "SELECT id, name, display_name, external_id, created_at, updated_at FROM scim_groups WHERE id = $1";
    let row: Option<Row> = session.fetch_optional(sql, args![&id]).await?;
    row.map(Row::into_group).transpose()
}

/// Another group of the directory whose name differs in case at most.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn alike(session: &mut Session, id: ScimGroupId, name: &GroupName) -> Result<Option<ScimGroup>, StoreError> {
    let sql = "SELECT id, name, display_name, external_id, created_at, updated_at FROM scim_groups
        WHERE name_key = $1 AND id <> $2";
    let row: Option<Row> = session.fetch_optional(sql, args![key(name), &id]).await?;
    row.map(Row::into_group).transpose()
}

/// A group of the hub whose name differs in case only.
///
/// # Errors
/// When the database fails.
pub async fn in_other_case(session: &mut Session, name: &GroupName) -> Result<Option<String>, StoreError> {
    let sql = "SELECT name FROM groups WHERE lower(name) = $1 AND name <> $2 ORDER BY name LIMIT 1";
    let row: Option<NameRow> = session.fetch_optional(sql, args![key(name), name]).await?;
    Ok(row.map(|row| row.name))
}

/// How many groups meet the conditions, and those of them from number `skip` on, in the order of ids.
///
/// # Errors
/// When the database fails.
pub async fn list(
    session: &mut Session,
    conditions: &[Condition],
    part: (u32, u32),
) -> Result<(u64, Vec<ScimGroup>), StoreError> {
    let (total, rows) = search::<Row>(session, ("scim_groups", COLUMNS), conditions, part).await?;
    Ok((total, session.unreadable().convert_some(rows, Row::into_group)))
}

/// Deletes a group with its members; the hub's group stays.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, id: ScimGroupId) -> Result<(), StoreError> {
    session.touch_configuration();
    session.execute("DELETE FROM scim_groups WHERE id = $1", args![&id]).await.map(drop)
}

impl Row {
    fn into_group(self) -> Result<ScimGroup, StoreError> {
        let id = self.id.as_str();
        Ok(ScimGroup {
            id: id.parse().map_err(|cause| StoreError::inconsistent("scim_groups", "id", id, cause))?,
            name: self.name.parse().map_err(|cause| StoreError::inconsistent("scim_groups", "name", id, cause))?,
            display_name: self.display_name,
            external_id: self.external_id,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
        })
    }
}

/// A name without its case. Names are ASCII.
fn key(name: &GroupName) -> String {
    name.as_str().to_ascii_lowercase()
}
