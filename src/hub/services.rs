//! The parts of the hub, joined. Each of the other files here adds what a caller may ask of them.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::config::compiled_rules::RuleBooks;
use super::config::compiled_schemas::ContextSchemas;
use super::key_check::KeyCheck;
use super::requests::link_log::LinkLog;
use super::retries::{Retries, Task};
use crate::delivery::{Launcher, TargetPolicy};
use crate::identity::{BootstrapToken, Principal, digest_of_secret};
use crate::ids::ReplayId;
use crate::links::KeyRing;
use crate::store::{Store, StoreError};
use crate::time::{SharedClock, Timestamp};

/// Test messages under way at once.
pub(super) const TRIALS_AT_ONCE: usize = 4;

/// What the services need to know of the settings.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// The URL that people and systems reach the hub by, without a slash at its end.
    pub public_url: String,
    /// Deadline of requests whose resource names none.
    pub default_timeout_seconds: u32,
}

/// What an operator should look at, though the hub works.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// Rows that cannot be read and are set apart, with what is wrong with each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The services.
pub struct Hub {
    pub(super) store: Arc<Store>,
    pub(super) clock: SharedClock,
    pub(super) keys: Arc<KeyRing>,
    pub(super) settings: HubSettings,
    pub(super) targets: Arc<TargetPolicy>,
    pub(super) launcher: Arc<Launcher>,
    pub(super) bootstrap: BootstrapToken,
    pub(super) contexts: ContextSchemas,
    pub(super) rules: RuleBooks,
    pub(super) trials: Semaphore,
    pub(super) link_log: LinkLog,
    pub(super) key_check: KeyCheck,
    pub(super) retries: Retries<Task>,
    pub(super) replay_retries: Retries<ReplayId>,
}

impl Hub {
    /// Joins the parts.
    pub fn new(
        store: Arc<Store>,
        clock: SharedClock,
        keys: Arc<KeyRing>,
        settings: HubSettings,
        targets: Arc<TargetPolicy>,
        launcher: Arc<Launcher>,
        bootstrap: BootstrapToken,
    ) -> Self {
        Self {
            store,
            clock,
            keys,
            settings,
            targets,
            launcher,
            bootstrap,
            contexts: ContextSchemas::default(),
            rules: RuleBooks::default(),
            trials: Semaphore::new(TRIALS_AT_ONCE),
            link_log: LinkLog::default(),
            key_check: KeyCheck::default(),
            retries: Retries::default(),
            replay_retries: Retries::default(),
        }
    }

    /// The present moment, as the hub sees it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Who the bearer of `secret` is; nobody when the token is unknown or void.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Principal>, StoreError> {
        let digest = digest_of_secret(secret);
        if self.bootstrap.matches(&digest) {
            return Ok(Some(Principal::Operator));
        }
        let token = self.store.lookup().token(&digest).await?;
        Ok(token.filter(|token| !token.is_expired(self.clock.now())).map(Principal::Token))
    }

    /// What links begin with.
    pub fn public_url(&self) -> &str {
        &self.settings.public_url
    }

    /// The delivery engine's figures, for who watches the hub.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        self.launcher.metrics().await
    }

    /// Whether the database reads and writes, and what an operator should look at all the same.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ready(&self) -> Result<Readiness, StoreError> {
        self.store.check_files()?;
        self.store.probe().await?;
        Ok(Readiness {
            unreadable: self.store.unreadable().into_values().flatten().collect(),
            warnings: self.key_check.problem(self.clock.now()).into_iter().collect(),
        })
    }
}
