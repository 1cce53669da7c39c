//! The audit trail's rows.

use super::arg::args;
use super::bulk::Bulk;
use super::readable::{self, Listing};
use super::{Session, StoreError};
use crate::approval::Digest;
use crate::audit::{Entry, Sealed, link};
use crate::ids::RequestId;

/// An entry that is chained and written at the end of its transaction.
#[derive(Debug)]
pub struct NewEntry {
    request: Option<RequestId>,
    action: String,
    at: crate::time::Timestamp,
    text: String,
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    seq: i64,
    entry: String,
    hash: String,
}

static ENTRIES: Bulk = Bulk::new(9, "INSERT INTO audit_entries (seq, at, action, request_id, entry, hash)", 6, "");

impl NewEntry {
    /// Serializes an entry.
    ///
    /// # Errors
    /// When the entry cannot be written as JSON.
    pub fn of(entry: &Entry) -> Result<Self, StoreError> {
        let text = serde_json::to_string(entry)
            .map_err(|cause| StoreError::inconsistent("audit_entries", "entry", &entry.action, cause))?;
        Ok(Self { request: entry.request, action: entry.action.clone(), at: entry.at, text })
    }
}

/// Chains the transaction's entries and gathers them for writing: once per transaction, so that a batch of operations
/// reads the chain's head once.
pub(super) async fn seal(session: &mut Session, entries: Vec<NewEntry>) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let head: Option<Row> =
        session.fetch_optional("SELECT seq, entry, hash FROM audit_entries ORDER BY seq DESC LIMIT 1", args![]).await?;
    let (mut seq, mut previous) = match head {
        Some(row) => (row.seq, Some(parse_hash(&row)?)),
        None => (0, None),
    };
    for new in entries {
        seq += 1;
        let hash = link(previous.as_ref(), seq, &new.text);
        session.add(&ENTRIES, args![seq, new.at, new.action, new.request.as_ref(), new.text, &hash]);
        previous = Some(hash);
    }
    Ok(())
}

/// Whether nothing has been recorded yet: the hub has not been used.
///
/// # Errors
/// When the database fails.
pub async fn is_empty(session: &mut Session) -> Result<bool, StoreError> {
    let first: Option<Row> =
        session.fetch_optional("SELECT seq, entry, hash FROM audit_entries LIMIT 1", args![]).await?;
    Ok(first.is_none())
}

/// The entries of one request, oldest first, without those that cannot be read.
///
/// # Errors
/// When the database fails.
pub async fn of_request(session: &mut Session, id: RequestId) -> Result<Vec<Sealed>, StoreError> {
    let sql = "SELECT seq, entry, hash FROM audit_entries WHERE request_id = $1 ORDER BY seq";
    let rows: Vec<Row> = session.fetch_all(sql, args![&id]).await?;
    Ok(session.unreadable().convert_some(rows, Row::into_sealed))
}

/// Up to `limit` entries after `after`, oldest first. An entry that cannot be read leaves a gap in the numbers.
///
/// # Errors
/// When the database fails.
pub async fn page(session: &mut Session, after: i64, limit: u32) -> Result<Vec<Sealed>, StoreError> {
    let sql = "SELECT seq, entry, hash FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT $2";
    let values = |after: &i64, left| args![*after, left];
    let listing = Listing { values, position: |row: &Row| row.seq, read: Row::into_sealed };
    readable::page(session, sql, listing, after, limit).await
}

/// Up to `limit` entries before `before`, newest first. An entry that cannot be read leaves a gap in the numbers.
///
/// # Errors
/// When the database fails.
pub async fn newest(session: &mut Session, before: i64, limit: u32) -> Result<Vec<Sealed>, StoreError> {
    let sql = "SELECT seq, entry, hash FROM audit_entries WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
    let values = |before: &i64, left| args![*before, left];
    let listing = Listing { values, position: |row: &Row| row.seq, read: Row::into_sealed };
    readable::page(session, sql, listing, before, limit).await
}

/// Verifies the whole chain; returns the number of the first entry that does not match, if there is one.
///
/// # Errors
/// When the database fails or a row cannot be read.
pub async fn first_break(session: &mut Session) -> Result<Option<i64>, StoreError> {
    let mut previous: Option<Digest> = None;
    let mut expected = 0;
    loop {
        let sql = "SELECT seq, entry, hash FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT 500";
        let rows: Vec<Row> = session.fetch_all(sql, args![expected]).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        for row in rows {
            expected += 1;
            let hash = parse_hash(&row)?;
            if row.seq != expected || hash != link(previous.as_ref(), row.seq, &row.entry) {
                return Ok(Some(expected));
            }
            previous = Some(hash);
        }
    }
}

impl Row {
    fn into_sealed(self) -> Result<Sealed, StoreError> {
        let hash = parse_hash(&self)?;
        let entry = serde_json::from_str(&self.entry)
            .map_err(|cause| StoreError::inconsistent("audit_entries", "entry", self.seq, cause))?;
        Ok(Sealed { seq: self.seq, entry, hash })
    }
}

fn parse_hash(row: &Row) -> Result<Digest, StoreError> {
    row.hash.parse().map_err(|cause| StoreError::inconsistent("audit_entries", "hash", row.seq, cause))
}
