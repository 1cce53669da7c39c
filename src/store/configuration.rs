//! The cache of configuration: resources, tokens, sessions, groups, endpoints, subscriptions and templates.
//!
//! Nearly every call reads configuration, and it seldom changes. So it is cached, under a version:
//!
//! - The database holds one number, `configuration.version`. A transaction that changes configuration calls
//!   [`Session::touch_configuration`], and the [writer](super::writer) raises the number before it commits.
//! - [`Configuration`] holds the newest version that this process knows, and the [`Cached`] entries that were read
//!   under one version. A newer version empties the cache.
//! - [`Lookup`](super::Lookup) is the read side: it takes the version first, then answers from the cache, or reads the
//!   database and caches the result. [`Configuration::keep`] drops a result when the version has changed meanwhile.
//! - A [`Tx`](super::Tx) has a version of its own, as read inside the transaction. Once the transaction has changed
//!   configuration itself, it reads past the cache.
//!
//! How a process learns of a newer version: on SQLite it makes every change itself, so the cache is never stale. On
//! PostgreSQL another replica may have committed a change. This process then learns of it by a notification
//! ([`notify`](super::notify)), by the version that each write transaction reads, and by a poll once a second
//! (`Store::refresh_configuration`).
//!
//! So what is read here may be stale by a second. That is acceptable for a reader, such as the check of a token. It is
//! not acceptable for a decision: a policy that was changed, or a member who was removed, must not decide a request
//! that is committed afterwards. And the write transaction starts after the cache was read, maybe seconds later, since
//! operations wait in the writer's queue. Therefore a caller that decides by cached configuration compares
//! [`Lookup::version`](super::Lookup::version) with [`Tx::configuration_version`](super::Tx::configuration_version)
//! *inside* the write transaction, and starts again with a new lookup when they differ. No change can come between that
//! comparison and the commit: write transactions run one at a time, on PostgreSQL across all replicas. This gives the
//! guarantee of reading configuration inside the transaction, at the price of comparing two numbers.
//!
//! Memberships by a sign-in get old without any change. So the groups of a person are cached with the time until which
//! each membership is fresh. A person who signs in again, with the same groups as before, changes no version: an entry
//! may show an earlier time than the database. So an entry with an old membership is read again (`Lookup::groups_of`),
//! and what is wrong about others is that they get old too early. The members of a group are cached without these
//! times: they only say whether there are enough people.
//!
//! A session is cached with the rights that roles, groups and token give it. A sign-in changes no version; an end of a session
//! does. The last use in an entry gets old, so a session that looks unused is read again (`Lookup::session_again`).
//!
//! Endpoints depend on one thing more: the keys that open their secrets. They are cached with the generation of these keys,
//! and read again with other keys.
//!
//! The cache is bounded by [`MOST`] entries. Names of resources that do not exist are cached too: a name that is asked
//! for again and again would otherwise cost a reader each time. Nothing here can be lost: the database is the truth.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::arg::args;
use super::endpoints::Endpoint;
use super::resources::Resource;
use super::sessions::SessionRecord;
use super::slack::subscriptions::Subscription;
use super::templates::StoredTemplate;
use super::tokens::Credential;
use super::{Session, StoreError};
use crate::approval::{Digest, Email, GroupName, Membership, ResourceName};

/// Most entries of the cache; a group counts as its members.
const MOST: usize = 50_000;

/// The endpoints, shared.
pub type Endpoints = Arc<[Arc<Endpoint>]>;
/// The operators' templates, shared.
pub(crate) type StoredTemplates = Arc<[StoredTemplate]>;
/// The subscriptions, shared.
pub type Subscriptions = Arc<[Subscription]>;

#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// The newest version that this process knows.
    version: AtomicI64,
    /// A std mutex: locked for one look-up, never across an await.
    cached: Mutex<Cached>,
}

/// Entries that were read under one version.
#[derive(Debug, Default)]
pub(super) struct Cached {
    version: i64,
    size: usize,
    /// None for a resource that does not exist.
    pub(super) resources: HashMap<ResourceName, Option<Arc<Resource>>>,
    pub(super) tokens: HashMap<Digest, Credential>,
    pub(super) sessions: HashMap<Digest, Arc<SessionRecord>>,
    pub(super) groups_of: HashMap<Email, Arc<BTreeMap<GroupName, Membership>>>,
    pub(super) members: HashMap<GroupName, Arc<BTreeSet<Email>>>,
    /// With the generation of the keys that opened their secrets: with other keys, other rows can be read.
    pub(super) endpoints: Option<(u64, Endpoints)>,
    pub(super) subscriptions: Option<Subscriptions>,
    pub(super) templates: Option<StoredTemplates>,
}

#[derive(sqlx_macros::FromRow)]
struct VersionRow {
    version: i64,
}

/// Reads the version from the database.
pub(super) async fn read_version(session: &mut Session) -> Result<i64, StoreError> {
    let row: Option<VersionRow> =
        session.peek_optional("SELECT version FROM configuration WHERE id = 1", args![]).await?;
    Ok(row.map_or(0, |row| row.version))
}

/// Raises the version; returns the new one.
pub(super) async fn raise_version(session: &mut Session) -> Result<i64, StoreError> {
    let sql = "UPDATE configuration SET version = version + 1 WHERE id = 1 RETURNING version";
    let row: VersionRow = session.fetch_one(sql, args![]).await?;
    Ok(row.version)
}

/// Changes a value that nothing reads, to check whether the database accepts writes. The value has to change, since
/// SQLite does not write a page whose bytes stay the same.
pub(super) async fn probe_write(session: &mut Session) -> Result<(), StoreError> {
    session.execute("UPDATE configuration SET write_probes = write_probes + 1 WHERE id = 1", args![]).await.map(drop)
}

impl Cached {
    /// The endpoints as the keys of that generation open them.
    pub(super) fn endpoints_with(&self, keys: u64) -> Option<Endpoints> {
        let (opened_with, endpoints) = self.endpoints.as_ref()?;
        (*opened_with == keys).then(|| Arc::clone(endpoints))
    }
}

impl Configuration {
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// Notes a version; an older one has no effect. Returns whether it is newer than all before.
    pub(super) fn observe(&self, version: i64) -> bool {
        self.version.fetch_max(version, Ordering::AcqRel) < version
    }

    /// Finds an entry that is cached under `version`.
    pub(super) fn find<T>(&self, version: i64, pick: impl FnOnce(&Cached) -> Option<T>) -> Option<T> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.version == version { pick(&cached) } else { None }
    }

    /// Caches an entry that was read while `version` was the newest.
    pub(super) fn keep(&self, version: i64, size: usize, put: impl FnOnce(&mut Cached)) {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.version < version || cached.size + size > MOST {
            *cached = Cached { version, ..Cached::default() };
        }
        if cached.version == version && self.version() == version && size <= MOST {
            cached.size += size;
            put(&mut cached);
        }
    }
}
