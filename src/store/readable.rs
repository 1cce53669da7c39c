//! Keyset pages of lists, which skip rows that cannot be read.

use sqlx::SqlSafeStr;

use super::arg::Arg;
use super::row::Row;
use super::{Session, StoreError};

/// How the rows of a list are read.
pub(super) struct Listing<V, R, F, K> {
    /// The statement's values, for a keyset position and a limit.
    pub values: V,
    /// A row's keyset position.
    pub position: fn(&R) -> K,
    /// Converts a row.
    pub read: F,
}

/// Up to `limit` items of a list after `after`; fewer only at the list's end. Rows that cannot be read are registered
/// as [unreadable](super::unreadable) and skipped.
///
/// # Errors
/// When the database fails.
pub(super) async fn page<V, R, T, F, K>(
    session: &mut Session,
    sql: impl SqlSafeStr,
    listing: Listing<V, R, F, K>,
    mut after: K,
    limit: u32,
) -> Result<Vec<T>, StoreError>
where
    V: Fn(&K, u32) -> Vec<Arg>,
    R: Row,
    F: Fn(R) -> Result<T, StoreError>,
{
    let (sql, mut page) = (sql.into_sql_str(), Vec::new());
    loop {
        let left = limit.saturating_sub(u32::try_from(page.len()).unwrap_or(limit));
        let rows: Vec<R> = session.fetch_all(sql.clone(), (listing.values)(&after, left)).await?;
        let Some(last) = rows.last().map(listing.position) else { return Ok(page) };
        let is_last = rows.len() < left as usize;
        page.extend(session.unreadable().convert_some(rows, &listing.read));
        if is_last || page.len() >= limit as usize {
            return Ok(page);
        }
        after = last;
    }
}
