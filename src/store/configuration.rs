//! What is configured, kept in memory as long as it stays as it is.
//!
//! Every change of configuration raises a version in the database, in its own transaction. What was read is kept under the
//! version that held before the reading began, and forgotten when a newer one is heard of. On SQLite this process makes every
//! change itself, so it is never behind. On PostgreSQL another replica may have made one: its bell says so, the next write
//! transaction reads the version, and a poll once a second does. So whoever decides by what is kept here holds
//! [`Lookup::version`](super::Lookup::version) against [`Tx::configuration_version`](super::Tx::configuration_version) inside the transaction, and
//! begins anew when they differ.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::arg::args;
use super::endpoints::Endpoint;
use super::resources::Resource;
use super::slack::subscriptions::Subscription;
use super::templates::StoredTemplate;
use super::{Session, StoreError};
use crate::approval::{Digest, Email, GroupName, ResourceName};
use crate::identity::Token;

/// Most that is kept, counted in entries and, of groups, in members.
const MOST: usize = 50_000;

/// Endpoints, shared.
pub type Endpoints = Arc<[Arc<Endpoint>]>;
/// Operators' templates, shared.
pub(crate) type StoredTemplates = Arc<[StoredTemplate]>;
/// Subscriptions, shared.
pub type Subscriptions = Arc<[Subscription]>;

#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// The newest version that was heard of.
    version: AtomicI64,
    /// A std mutex: held for a look-up, never across an await.
    kept: Mutex<Kept>,
}

/// What was read under one version.
#[derive(Debug, Default)]
pub(super) struct Kept {
    version: i64,
    size: usize,
    /// Also which there are not: a name asked for again and again would cost a reader each time.
    pub(super) resources: HashMap<ResourceName, Option<Arc<Resource>>>,
    pub(super) tokens: HashMap<Digest, Token>,
    pub(super) groups_of: HashMap<Email, Arc<BTreeSet<GroupName>>>,
    pub(super) members: HashMap<GroupName, Arc<BTreeSet<Email>>>,
    pub(super) endpoints: Option<Endpoints>,
    pub(super) subscriptions: Option<Subscriptions>,
    pub(super) templates: Option<StoredTemplates>,
}

#[derive(sqlx_macros::FromRow)]
struct VersionRow {
    version: i64,
}

/// The version as the database has it.
pub(super) async fn read_version(session: &mut Session) -> Result<i64, StoreError> {
    let row: Option<VersionRow> =
        session.peek_optional("SELECT version FROM configuration WHERE id = 1", args![]).await?;
    Ok(row.map_or(0, |row| row.version))
}

/// Raises the version; answers the new one.
pub(super) async fn raise_version(session: &mut Session) -> Result<i64, StoreError> {
    let sql = "UPDATE configuration SET version = version + 1 WHERE id = 1 RETURNING version";
    let row: VersionRow = session.fetch_one(sql, args![]).await?;
    Ok(row.version)
}

/// Changes a value that nobody reads: to see whether the database takes writes. It has to change, since SQLite writes no page whose
/// bytes stay the same.
pub(super) async fn probe_write(session: &mut Session) -> Result<(), StoreError> {
    session.execute("UPDATE configuration SET write_probes = write_probes + 1 WHERE id = 1", args![]).await.map(drop)
}

impl Configuration {
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// Takes note of a version; an older one than the newest says nothing. Answers whether it is news.
    pub(super) fn observe(&self, version: i64) -> bool {
        self.version.fetch_max(version, Ordering::AcqRel) < version
    }

    /// What is kept under that version.
    pub(super) fn find<T>(&self, version: i64, pick: impl FnOnce(&Kept) -> Option<T>) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version == version { pick(&kept) } else { None }
    }

    /// Keeps what was read while `version` was the newest.
    pub(super) fn keep(&self, version: i64, size: usize, put: impl FnOnce(&mut Kept)) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version < version || kept.size + size > MOST {
            *kept = Kept { version, ..Kept::default() };
        }
        if kept.version == version && self.version() == version && size <= MOST {
            kept.size += size;
            put(&mut kept);
        }
    }
}
