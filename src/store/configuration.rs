//! What is configured, kept in memory as long as it stays as it is.
//!
//! Every change of configuration raises a version in the database, in its own transaction. What was read is kept under the
//! version that held before the reading began, and forgotten when a newer one is heard of. On SQLite this process makes every
//! change itself, so it is never behind. On PostgreSQL another replica may have made one: its bell says so, the next write
//! transaction reads the version, and a poll once a second does. So whoever decides by what is kept here holds
//! [`Lookup::version`] against [`Tx::configuration_version`](super::Tx::configuration_version) inside the transaction, and
//! begins anew when they differ.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::endpoints::{self, Endpoint};
use super::resources::{self, Resource};
use super::session::args;
use super::slack::subscriptions::{self, Subscription};
use super::templates::{self, StoredTemplate};
use super::{Session, Store, StoreError, groups, tokens};
use crate::approval::{Digest, Email, GroupName, ResourceName, Roster};
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
struct Kept {
    version: i64,
    size: usize,
    /// Also which there are not: a name asked for again and again would cost a reader each time.
    resources: HashMap<ResourceName, Option<Arc<Resource>>>,
    tokens: HashMap<Digest, Token>,
    groups_of: HashMap<Email, Arc<BTreeSet<GroupName>>>,
    members: HashMap<GroupName, Arc<BTreeSet<Email>>>,
    endpoints: Option<Endpoints>,
    subscriptions: Option<Subscriptions>,
    templates: Option<StoredTemplates>,
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
    pub(super) fn heard_of(&self, version: i64) -> bool {
        self.version.fetch_max(version, Ordering::AcqRel) < version
    }

    fn find<T>(&self, version: i64, pick: impl FnOnce(&Kept) -> Option<T>) -> Option<T> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.version == version { pick(&kept) } else { None }
    }

    /// Keeps what was read while `version` was the newest.
    fn keep(&self, version: i64, size: usize, put: impl FnOnce(&mut Kept)) {
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

/// What is configured, as of one version or a newer one.
pub struct Lookup<'s> {
    store: &'s Store,
    version: i64,
}

impl Store {
    /// What is configured now, as far as this process has heard.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { store: self, version: self.configuration().version() }
    }
}

impl Lookup<'_> {
    /// What all of it is at least as new as.
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// One resource.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn resource(&self, name: &ResourceName) -> Result<Option<Arc<Resource>>, StoreError> {
        if let Some(known) = self.known(|kept| kept.resources.get(name).cloned()) {
            return Ok(known);
        }
        let read = resources::get(&mut self.store.read().await?, name).await?.map(Arc::new);
        self.keep(1, |kept| drop(kept.resources.insert(name.clone(), read.clone())));
        Ok(read)
    }

    /// The token with that secret.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn token(&self, secret: &Digest) -> Result<Option<Token>, StoreError> {
        if let Some(known) = self.known(|kept| kept.tokens.get(secret).cloned()) {
            return Ok(Some(known));
        }
        let read = tokens::by_secret(&mut self.store.read().await?, secret).await?;
        if let Some(token) = &read {
            self.keep(1, |kept| drop(kept.tokens.insert(*secret, token.clone())));
        }
        Ok(read)
    }

    /// The groups that the person is in.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn groups_of(&self, person: &Email) -> Result<BTreeSet<GroupName>, StoreError> {
        if let Some(known) = self.known(|kept| kept.groups_of.get(person).cloned()) {
            return Ok((*known).clone());
        }
        let read = groups::of_person(&mut self.store.read().await?, person).await?;
        let shared = Arc::new(read.clone());
        self.keep(1 + read.len(), |kept| drop(kept.groups_of.insert(person.clone(), shared)));
        Ok(read)
    }

    /// Everybody in the given groups.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn roster(&self, names: &[&GroupName]) -> Result<Roster, StoreError> {
        let mut pairs = Vec::new();
        for name in names {
            let members = self.members(name).await?;
            pairs.extend(members.iter().map(|member| ((*name).clone(), member.clone())));
        }
        Ok(pairs.into_iter().collect())
    }

    async fn members(&self, group: &GroupName) -> Result<Arc<BTreeSet<Email>>, StoreError> {
        if let Some(known) = self.known(|kept| kept.members.get(group).cloned()) {
            return Ok(known);
        }
        let roster = groups::roster(&mut self.store.read().await?, [group]).await?;
        let read: Arc<BTreeSet<Email>> = Arc::new(roster.members(group).cloned().collect());
        let shared = Arc::clone(&read);
        self.keep(1 + read.len(), |kept| drop(kept.members.insert(group.clone(), shared)));
        Ok(read)
    }

    /// All endpoints that were not taken away.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn endpoints(&self) -> Result<Endpoints, StoreError> {
        if let Some(known) = self.known(|kept| kept.endpoints.clone()) {
            return Ok(known);
        }
        let read = read_endpoints(&mut self.store.read().await?).await?;
        self.keep(read.len(), |kept| kept.endpoints = Some(Arc::clone(&read)));
        Ok(read)
    }

    /// All subscriptions.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn subscriptions(&self) -> Result<Subscriptions, StoreError> {
        if let Some(known) = self.known(|kept| kept.subscriptions.clone()) {
            return Ok(known);
        }
        let read: Subscriptions = subscriptions::all(&mut self.store.read().await?).await?.into();
        self.keep(read.len(), |kept| kept.subscriptions = Some(Arc::clone(&read)));
        Ok(read)
    }

    /// All templates of operators that are in use.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn templates(&self) -> Result<StoredTemplates, StoreError> {
        if let Some(known) = self.known(|kept| kept.templates.clone()) {
            return Ok(known);
        }
        let read: StoredTemplates = templates::current(&mut self.store.read().await?).await?.into();
        self.keep(read.len(), |kept| kept.templates = Some(Arc::clone(&read)));
        Ok(read)
    }

    fn known<T>(&self, pick: impl FnOnce(&Kept) -> Option<T>) -> Option<T> {
        self.store.configuration().find(self.version, pick)
    }

    fn keep(&self, size: usize, put: impl FnOnce(&mut Kept)) {
        self.store.configuration().keep(self.version, size, put);
    }
}

async fn read_endpoints(session: &mut Session) -> Result<Endpoints, StoreError> {
    Ok(endpoints::all(session).await?.into_iter().map(Arc::new).collect())
}

impl super::Tx {
    /// The version of the configuration that the transaction sees; none once it has changed it itself.
    pub fn configuration_version(&mut self) -> Option<i64> {
        let touched = self.session().has_touched_configuration();
        (!touched).then_some(self.version)
    }

    /// All endpoints that were not taken away, as the transaction sees them.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn endpoints(&mut self) -> Result<Endpoints, StoreError> {
        let Some(version) = self.configuration_version() else { return read_endpoints(self.session()).await };
        let configuration = Arc::clone(&self.configuration);
        if let Some(known) = configuration.find(version, |kept| kept.endpoints.clone()) {
            return Ok(known);
        }
        let read = read_endpoints(self.session()).await?;
        configuration.keep(version, read.len(), |kept| kept.endpoints = Some(Arc::clone(&read)));
        Ok(read)
    }

    /// All subscriptions, as the transaction sees them.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn subscriptions(&mut self) -> Result<Subscriptions, StoreError> {
        let Some(version) = self.configuration_version() else {
            return Ok(subscriptions::all(self.session()).await?.into());
        };
        let configuration = Arc::clone(&self.configuration);
        if let Some(known) = configuration.find(version, |kept| kept.subscriptions.clone()) {
            return Ok(known);
        }
        let read: Subscriptions = subscriptions::all(self.session()).await?.into();
        configuration.keep(version, read.len(), |kept| kept.subscriptions = Some(Arc::clone(&read)));
        Ok(read)
    }
}
