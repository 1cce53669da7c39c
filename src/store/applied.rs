//! Which objects manifests name, and when they were last applied.

use serde::Serialize;

use super::arg::args;
use super::bulk::Bulk;
use super::{Session, StoreError};
use crate::time::Timestamp;

/// An object that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// `group`, `person`, `resource` or `endpoint`.
    pub kind: String,
    pub name: String,
    /// When a manifest with it was last applied.
    pub at: Timestamp,
    /// Who applied it.
    pub by: String,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    kind: String,
    name: String,
    at: i64,
    actor: String,
}

static APPLIED: Bulk = Bulk::new(
    1,
    "INSERT INTO applied (kind, name, at, actor)",
    4,
    "ON CONFLICT (kind, name) DO UPDATE SET at = excluded.at, actor = excluded.actor",
);

impl From<Row> for Applied {
    fn from(Row { kind, name, at, actor }: Row) -> Self {
        Self { kind, name, at: Timestamp::from_micros(at), by: actor }
    }
}

/// Notes that a manifest with the object was applied.
pub fn put(session: &mut Session, kind: &str, name: &str, now: Timestamp, by: &str) {
    session.add(&APPLIED, args![kind, name, now, by]);
}

/// The object, if a manifest names it.
///
/// # Errors
/// When the database fails.
pub async fn get(session: &mut Session, kind: &str, name: &str) -> Result<Option<Applied>, StoreError> {
    let sql = "SELECT kind, name, at, actor FROM applied WHERE kind = $1 AND name = $2";
    let row: Option<Row> = session.fetch_optional(sql, args![kind, name]).await?;
    Ok(row.map(Applied::from))
}

/// Up to `limit` objects after that one, by kind and name.
///
/// # Errors
/// When the database fails.
pub async fn page(session: &mut Session, (kind, name): (&str, &str), limit: u32) -> Result<Vec<Applied>, StoreError> {
    let sql = "SELECT kind, name, at, actor FROM applied WHERE (kind, name) > ($1, $2) ORDER BY kind, name LIMIT $3";
    let rows: Vec<Row> = session.fetch_all(sql, args![kind, name, limit]).await?;
    Ok(rows.into_iter().map(Applied::from).collect())
}

/// Forgets an object that was deleted.
///
/// # Errors
/// When the database fails.
pub async fn forget(session: &mut Session, kind: &str, name: &str) -> Result<(), StoreError> {
    session.execute("DELETE FROM applied WHERE kind = $1 AND name = $2", args![kind, name]).await.map(drop)
}
