//! The replicas of the hub on one PostgreSQL database, with the fingerprints of their keys for links.

use super::arg::args;
use super::{Session, StoreError};
use crate::time::Timestamp;

/// A running replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Chosen at random at each start.
    pub id: String,
    /// Fingerprints of its keys; the first is that of the signing key.
    pub keys: Vec<String>,
}

/// Records that the replica is running at `now`.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, replica: &Replica, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO replicas (id, keys, seen_at) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET keys = excluded.keys, seen_at = excluded.seen_at";
    session.execute(sql, args![&replica.id, replica.keys.join(" "), now]).await.map(drop)
}

/// The replicas that have been recorded since `since`, except `id`.
///
/// # Errors
/// When the database fails.
pub async fn others(session: &mut Session, id: &str, since: Timestamp) -> Result<Vec<Replica>, StoreError> {
    #[derive(sqlx_macros::FromRow)]
    struct Row {
        id: String,
        keys: String,
    }
    let sql = "SELECT id, keys FROM replicas WHERE id <> $1 AND seen_at >= $2 ORDER BY id";
    let rows: Vec<Row> = session.fetch_all(sql, args![id, since]).await?;
    let replica = |row: Row| Replica { id: row.id, keys: row.keys.split(' ').map(str::to_owned).collect() };
    Ok(rows.into_iter().map(replica).collect())
}

/// Deletes a replica that ends, and all that have not been recorded since `before`.
///
/// # Errors
/// When the database fails.
pub async fn forget(session: &mut Session, id: &str, before: Timestamp) -> Result<(), StoreError> {
    session.execute("DELETE FROM replicas WHERE id = $1 OR seen_at < $2", args![id, before]).await.map(drop)
}
