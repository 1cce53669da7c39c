//! The replicas of the hub on one PostgreSQL database, with the fingerprints of their keys for links, and the ids of their
//! keys for stored secrets.

use super::arg::args;
use super::{Session, StoreError};
use crate::sealing::KeyId;
use crate::time::Timestamp;

/// A running replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Chosen at random at each start.
    pub id: String,
    /// Fingerprints of its keys; the first is that of the signing key.
    pub keys: Vec<String>,
    /// Its keys for stored secrets. None: it is of an earlier version, which cannot read sealed secrets.
    pub secrets_keys: Option<Vec<KeyId>>,
}

/// Records that the replica is running at `now`.
///
/// # Errors
/// When the database fails.
pub async fn put(session: &mut Session, replica: &Replica, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO replicas (id, keys, secrets_keys, seen_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE SET keys = excluded.keys, secrets_keys = excluded.secrets_keys,
            seen_at = excluded.seen_at";
    let words = |keys: &Vec<KeyId>| keys.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" ");
    let secrets_keys = replica.secrets_keys.as_ref().map(words);
    session.execute(sql, args![&replica.id, replica.keys.join(" "), secrets_keys, now]).await.map(drop)
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
        secrets_keys: Option<String>,
    }
    let sql = "SELECT id, keys, secrets_keys FROM replicas WHERE id <> $1 AND seen_at >= $2 ORDER BY id";
    let rows: Vec<Row> = session.fetch_all(sql, args![id, since]).await?;
    let ids = |keys: String| keys.split(' ').filter_map(|id| id.parse().ok()).collect();
    let replica = |row: Row| Replica {
        id: row.id,
        keys: row.keys.split(' ').map(str::to_owned).collect(),
        secrets_keys: row.secrets_keys.map(ids),
    };
    Ok(rows.into_iter().map(replica).collect())
}

/// Deletes a replica that ends, and all that have not been recorded since `before`.
///
/// # Errors
/// When the database fails.
pub async fn forget(session: &mut Session, id: &str, before: Timestamp) -> Result<(), StoreError> {
    session.execute("DELETE FROM replicas WHERE id = $1 OR seen_at < $2", args![id, before]).await.map(drop)
}
