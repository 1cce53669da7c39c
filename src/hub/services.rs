//! [`Hub`], the parts of the services joined. The other files of this folder add its operations.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::config::compiled_rules::RuleBooks;
use super::config::compiled_schemas::ContextSchemas;
use super::identity::{DevicePolls, Workloads};
use super::key_check::KeyCheck;
use super::live_channel::Live;
use super::policy_check::PolicyCheck;
use super::requests::link_log::LinkLog;
use super::retries::{Retries, Task};
use super::sealing::SealingCheck;
use super::uses::Uses;
use crate::approval::Assurance;
use crate::delivery::{Launcher, TargetPolicy};
use crate::identity::BootstrapToken;
use crate::ids::{ReplayId, SessionId, TokenId};
use crate::links::KeyRing;
use crate::oidc::RelyingParty;
use crate::store::{Store, StoreError};
use crate::time::{SharedClock, Timestamp};

/// How exact the last use of a token is on record.
const TOKEN_USES: Duration = Duration::from_secs(3_600);
/// How exact the last use of a session is on record.
const SESSION_USES: Duration = Duration::from_secs(300);
/// Concurrent test messages and template previews.
pub(super) const TRIALS_AT_ONCE: usize = 4;

/// The settings that the services need.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// The URL at which people and systems reach the hub, without a trailing slash.
    pub public_url: String,
    /// Timeout of requests whose resource sets none.
    pub default_timeout_seconds: u32,
    /// The least assurance of votes on resources that name none.
    pub min_assurance: Option<Assurance>,
    pub sessions: SessionSettings,
    /// The identity provider through which people sign in.
    pub provider: Option<Arc<RelyingParty>>,
}

/// How long people stay signed in.
#[derive(Debug, Clone, Copy)]
pub struct SessionSettings {
    /// After the last use.
    pub idle: Duration,
    /// After the sign-in.
    pub longest: Duration,
}

/// Findings that an operator should read, although the hub works.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// Rows that cannot be read and are quarantined, with the reason for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
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
    pub(super) policy_check: PolicyCheck,
    pub(super) trials: Semaphore,
    pub(super) link_log: LinkLog,
    pub(super) token_uses: Uses<TokenId>,
    pub(super) session_uses: Uses<SessionId>,
    pub(super) device_polls: DevicePolls,
    pub(super) workloads: Workloads,
    pub(super) key_check: KeyCheck,
    pub(super) sealing_check: SealingCheck,
    pub(super) live: Live,
    pub(super) retries: Retries<Task>,
    pub(super) replay_retries: Retries<ReplayId>,
}

impl Hub {
    /// Returns the services on the given parts.
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
            policy_check: PolicyCheck::default(),
            trials: Semaphore::new(TRIALS_AT_ONCE),
            link_log: LinkLog::default(),
            token_uses: Uses::new(TOKEN_USES),
            session_uses: Uses::new(SESSION_USES),
            device_polls: DevicePolls::default(),
            workloads: Workloads::default(),
            key_check: KeyCheck::default(),
            sealing_check: SealingCheck::default(),
            live: Live::default(),
            retries: Retries::default(),
            replay_retries: Retries::default(),
        }
    }

    /// The same, which also accepts tokens of these workloads' platforms.
    pub fn with_workloads(self, workloads: Workloads) -> Self {
        Self { workloads, ..self }
    }

    /// The current time by the hub's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The URL that links begin with.
    pub fn public_url(&self) -> &str {
        &self.settings.public_url
    }

    /// The URL of the page to sign in.
    pub(super) fn sign_in_url(&self) -> String {
        format!("{}/sign-in", self.settings.public_url)
    }

    /// Returns the delivery engine's metrics as OpenMetrics text.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        self.launcher.metrics().await
    }

    /// Checks that the database reads and writes, and returns further findings for an operator.
    ///
    /// # Errors
    /// When the database does not read or write.
    pub async fn ready(&self) -> Result<Readiness, StoreError> {
        self.store.check_files()?;
        self.store.probe().await?;
        Ok(self.findings())
    }

    /// What an operator should read, although the hub works.
    pub(super) fn findings(&self) -> Readiness {
        let now = self.clock.now();
        Readiness {
            unreadable: self.store.unreadable().into_values().flatten().collect(),
            warnings: self.key_check.problem(now).into_iter().chain(self.sealing_check.problem(now)).collect(),
        }
    }
}
