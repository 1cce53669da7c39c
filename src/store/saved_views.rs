//! Lists of requests that people have named.

use super::arg::args;
use super::{Session, StoreError};
use crate::approval::Email;
use crate::time::Timestamp;

/// A list with a name.
#[derive(Debug, Clone, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct SavedView {
    pub name: String,
    /// The filters, as a query string.
    pub query: String,
}

/// The person's views by name, at most 100.
///
/// # Errors
/// When the database fails.
pub async fn of_person(session: &mut Session, person: &Email) -> Result<Vec<SavedView>, StoreError> {
    let sql = "SELECT name, query FROM saved_views WHERE person = $1 ORDER BY name LIMIT 100";
    session.fetch_all(sql, args![person]).await
}

/// Adds a view, or replaces the one of that name.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, person: &Email, view: &SavedView, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO saved_views (person, name, query, updated_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (person, name) DO UPDATE SET query = excluded.query, updated_at = excluded.updated_at";
    session.execute(sql, args![person, view.name.as_str(), view.query.as_str(), now]).await.map(drop)
}

/// Deletes a view; returns whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn delete(session: &mut Session, person: &Email, name: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM saved_views WHERE person = $1 AND name = $2";
    Ok(session.execute(sql, args![person, name]).await? == 1)
}
