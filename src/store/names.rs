//! Names of groups, people and resources, without the rest of their rows.

use super::arg::args;
use super::{Session, StoreError};

/// A table with names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Groups,
    /// The names are addresses.
    People,
    Resources,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    name: String,
}

/// The first `most` names, in order.
///
/// # Errors
/// When the database fails.
pub async fn first(session: &mut Session, table: Table, most: usize) -> Result<Vec<String>, StoreError> {
    let sql = match table {
        Table::Groups => "SELECT name FROM groups ORDER BY name LIMIT $1",
        Table::People => "SELECT email AS name FROM people ORDER BY email LIMIT $1",
        Table::Resources => "SELECT name FROM resources ORDER BY name LIMIT $1",
    };
    let rows: Vec<Row> = session.fetch_all(sql, args![u32::try_from(most).unwrap_or(u32::MAX)]).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}
