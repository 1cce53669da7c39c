//! How many objects of each kind are configured.

use super::arg::args;
use super::{Session, StoreError};

/// Most that are counted of a kind.
pub const MOST: u32 = 10_000;

/// How many there are, at most [`MOST`] of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct Totals {
    pub groups: i64,
    pub people: i64,
    pub resources: i64,
    pub tokens: i64,
}

/// Counts groups, people, resources and tokens.
///
/// # Errors
/// When the database fails.
pub async fn count(session: &mut Session) -> Result<Totals, StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM groups LIMIT $1) AS g) AS groups,
        (SELECT COUNT(*) FROM (SELECT 1 FROM people LIMIT $1) AS p) AS people,
        (SELECT COUNT(*) FROM (SELECT 1 FROM resources LIMIT $1) AS r) AS resources,
        (SELECT COUNT(*) FROM (SELECT 1 FROM tokens LIMIT $1) AS t) AS tokens";
    let rows: Vec<Totals> = session.fetch_all(sql, args![MOST]).await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}
