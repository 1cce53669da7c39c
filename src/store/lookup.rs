//! Look-ups of configuration: from the [cache](super::configuration), else from the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::configuration::{Cached, Endpoints, StoredTemplates, Subscriptions};
use super::resources::{self, Resource};
use super::sessions::{self, SessionRecord};
use super::slack::subscriptions;
use super::tokens::Credential;
use super::{Session, Store, StoreError, Tx, endpoints, groups, templates, tokens};
use crate::approval::{Digest, Email, GroupName, Membership, ResourceName, Roster};
use crate::time::Timestamp;

/// The configuration, as of one version or a newer one.
pub struct Lookup<'s> {
    store: &'s Store,
    version: i64,
}

impl Store {
    /// The configuration, as of the newest version that this process knows.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup { store: self, version: self.configuration().version() }
    }
}

impl Lookup<'_> {
    /// The version: everything that this look-up returns is at least as new.
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// One resource.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn resource(&self, name: &ResourceName) -> Result<Option<Arc<Resource>>, StoreError> {
        if let Some(known) = self.known(|cached| cached.resources.get(name).cloned()) {
            return Ok(known);
        }
        let read = resources::get(&mut self.store.read().await?, name).await?.map(Arc::new);
        self.keep(1, |cached| drop(cached.resources.insert(name.clone(), read.clone())));
        Ok(read)
    }

    /// What a token's secret stands for.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn credential(&self, secret: &Digest) -> Result<Option<Credential>, StoreError> {
        if let Some(known) = self.known(|cached| cached.tokens.get(secret).cloned()) {
            return Ok(Some(known));
        }
        let read = tokens::by_secret(&mut self.store.read().await?, secret).await?;
        if let Some(credential) = &read {
            self.keep(1, |cached| drop(cached.tokens.insert(*secret, credential.clone())));
        }
        Ok(read)
    }

    /// The session of that secret, with the rights that it gives. Its last use may be later than said.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn session(&self, secret: &Digest) -> Result<Option<Arc<SessionRecord>>, StoreError> {
        match self.known(|cached| cached.sessions.get(secret).cloned()) {
            Some(known) => Ok(Some(known)),
            None => self.session_again(secret).await,
        }
    }

    /// The session of that secret as the database has it now.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn session_again(&self, secret: &Digest) -> Result<Option<Arc<SessionRecord>>, StoreError> {
        let read = sessions::by_secret(&mut self.store.read().await?, secret).await?.map(Arc::new);
        if let Some(record) = &read {
            self.keep(1, |cached| drop(cached.sessions.insert(*secret, Arc::clone(record))));
        }
        Ok(read)
    }

    /// The groups that the person is in, with the membership in each, as of `now`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn groups_of(
        &self,
        person: &Email,
        now: Timestamp,
    ) -> Result<Arc<BTreeMap<GroupName, Membership>>, StoreError> {
        // Who has signed in again since has no old membership. The cache does not know.
        let is_current =
            |known: &Arc<BTreeMap<_, Membership>>| known.values().all(|membership| membership.is_fresh(now));
        if let Some(known) = self.known(|cached| cached.groups_of.get(person).cloned()).filter(is_current) {
            return Ok(known);
        }
        let read = Arc::new(groups::memberships_of(&mut self.store.read().await?, person).await?);
        let shared = Arc::clone(&read);
        self.keep(1 + read.len(), |cached| drop(cached.groups_of.insert(person.clone(), shared)));
        Ok(read)
    }

    /// The members of the given groups. How old memberships are is not known: here all of them count.
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
        if let Some(known) = self.known(|cached| cached.members.get(group).cloned()) {
            return Ok(known);
        }
        let roster = groups::roster(&mut self.store.read().await?, [group]).await?;
        let read: Arc<BTreeSet<Email>> = Arc::new(roster.members(group).cloned().collect());
        let shared = Arc::clone(&read);
        self.keep(1 + read.len(), |cached| drop(cached.members.insert(group.clone(), shared)));
        Ok(read)
    }

    /// All endpoints that were not deleted.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn endpoints(&self) -> Result<Endpoints, StoreError> {
        // Before the read: keys that are replaced meanwhile make the result stale.
        let keys = self.store.secrets().generation();
        if let Some(known) = self.known(|cached| cached.endpoints_with(keys)) {
            return Ok(known);
        }
        let read = read_endpoints(&mut self.store.read().await?).await?;
        self.keep(read.len(), |cached| cached.endpoints = Some((keys, Arc::clone(&read))));
        Ok(read)
    }

    /// All subscriptions.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn subscriptions(&self) -> Result<Subscriptions, StoreError> {
        if let Some(known) = self.known(|cached| cached.subscriptions.clone()) {
            return Ok(known);
        }
        let read: Subscriptions = subscriptions::all(&mut self.store.read().await?).await?.into();
        self.keep(read.len(), |cached| cached.subscriptions = Some(Arc::clone(&read)));
        Ok(read)
    }

    /// The current versions of all operators' templates.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn templates(&self) -> Result<StoredTemplates, StoreError> {
        if let Some(known) = self.known(|cached| cached.templates.clone()) {
            return Ok(known);
        }
        let read: StoredTemplates = templates::current(&mut self.store.read().await?).await?.into();
        self.keep(read.len(), |cached| cached.templates = Some(Arc::clone(&read)));
        Ok(read)
    }

    fn known<T>(&self, pick: impl FnOnce(&Cached) -> Option<T>) -> Option<T> {
        self.store.configuration().find(self.version, pick)
    }

    fn keep(&self, size: usize, put: impl FnOnce(&mut Cached)) {
        self.store.configuration().keep(self.version, size, put);
    }
}

async fn read_endpoints(session: &mut Session) -> Result<Endpoints, StoreError> {
    Ok(endpoints::all(session).await?.into_iter().map(Arc::new).collect())
}

impl Tx {
    /// The version of the configuration that the transaction sees; none once it has changed the configuration itself.
    pub fn configuration_version(&mut self) -> Option<i64> {
        let touched = self.session().has_touched_configuration();
        (!touched).then_some(self.version)
    }

    /// All endpoints that were not deleted, as the transaction sees them.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn endpoints(&mut self) -> Result<Endpoints, StoreError> {
        let Some(version) = self.configuration_version() else { return read_endpoints(self.session()).await };
        let configuration = Arc::clone(&self.configuration);
        let keys = self.session().secrets().generation();
        if let Some(known) = configuration.find(version, |cached| cached.endpoints_with(keys)) {
            return Ok(known);
        }
        let read = read_endpoints(self.session()).await?;
        configuration.keep(version, read.len(), |cached| cached.endpoints = Some((keys, Arc::clone(&read))));
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
        if let Some(known) = configuration.find(version, |cached| cached.subscriptions.clone()) {
            return Ok(known);
        }
        let read: Subscriptions = subscriptions::all(self.session()).await?.into();
        configuration.keep(version, read.len(), |cached| cached.subscriptions = Some(Arc::clone(&read)));
        Ok(read)
    }
}
