//! Lists, page by page, on past rows that cannot be read.

use sqlx::SqlSafeStr;

use super::arg::Arg;
use super::row::Row;
use super::{Session, StoreError};

/// How a list is read off its table.
pub(super) struct Listing<V, R, T, K> {
    /// The statement's values: behind which place it begins, and how many rows it answers at most.
    pub values: V,
    /// A row's place in the list's order.
    pub place: fn(&R) -> K,
    /// What a row says.
    pub read: fn(R) -> Result<T, StoreError>,
}

/// Up to `limit` items of a list behind `after`: fewer only where it ends. Rows that cannot be read are set apart.
///
/// # Errors
/// When the database fails.
pub(super) async fn page<V, R, T, K>(
    session: &mut Session,
    sql: impl SqlSafeStr,
    listing: Listing<V, R, T, K>,
    mut after: K,
    limit: u32,
) -> Result<Vec<T>, StoreError>
where
    V: Fn(&K, u32) -> Vec<Arg>,
    R: Row,
{
    let (sql, mut page) = (sql.into_sql_str(), Vec::new());
    loop {
        let left = limit.saturating_sub(u32::try_from(page.len()).unwrap_or(limit));
        let rows: Vec<R> = session.fetch_all(sql.clone(), (listing.values)(&after, left)).await?;
        let Some(last) = rows.last().map(listing.place) else { return Ok(page) };
        let is_last = rows.len() < left as usize;
        page.extend(session.unreadable().some(rows, listing.read));
        if is_last || page.len() >= limit as usize {
            return Ok(page);
        }
        after = last;
    }
}
