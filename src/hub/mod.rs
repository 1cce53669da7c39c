//! The services: what a caller may ask of the hub. The only place that joins the core, the store and the events.
//!
//! A service checks what the caller may do, runs the core's decision inside one write transaction, and writes what follows from
//! it (rows, events, deliveries, audit entries, counts) in that same transaction. It knows nothing of HTTP.

mod analytics;
mod config;
mod endpoints;
mod error;
mod input;
mod lifecycle;
mod replicas;
mod requests;
mod retries;
mod slack;
mod templates;
mod view;

use std::sync::Arc;

pub use crate::store::link_events::LinkEvent;
pub use analytics::ReportFilter;
pub use config::{
    BoundAccount, Change, ChatIdentities, GroupInput, LinkCode, Manifest, NewToken, PersonInput, Plan, ResourceInput,
    ResourceView, TokenInput, Unnamed, Verb,
};
pub use endpoints::{
    AuthView, CertificateView, DeliveryDetail, EndpointInput, EndpointPatch, EndpointStatus, EndpointView, HealthView,
    ReplayInput, Replayed, RetiringView, RotateInput, RotateLinksInput, SlackInput, SlackPatch, SlackView,
    TemplateProblemView, TestInput, WithSecret, run_replayer,
};
pub use error::{HubError, LinkProblem};
pub use input::{IdempotencyKey, KeyedCall};
pub use lifecycle::{Access, ClaimInput, Claimed, GrantFilter, HeartbeatInput, Lease, ResultInput, run_timer};
pub use replicas::run_key_check;
pub use requests::{
    Ask, Asked, BulkAnswer, BulkApprove, BulkFilter, BulkItem, BulkReject, CallbackPage, CancelInput, Evaluation,
    Explanation, GlassInput, LinkDecision, LinkUses, ListFilter, Outcome, Page, PersonExplanation, ReviewInput,
    ReviseInput, Seen, SlotExplanation, Times, Told, VoteInput, run_link_log,
};
pub use slack::{Signed, SlackAnswer, run_slack_jobs};
pub use templates::{
    PreviewInput, Previews, RestoreInput, TemplateFor, TemplateInput, TemplateList, TemplateManifest, TemplateVersion,
    TemplateView,
};
pub use view::{ExecutionView, GrantView, RequestView, SlotView, VoteView};

use tokio::sync::Semaphore;

use self::config::compiled_rules::RuleBooks;
use self::config::compiled_schemas::ContextSchemas;
use self::lifecycle::timer::Task;
use self::requests::link_views::LinkLog;
use crate::delivery::{Dispatcher, TargetPolicy};
use crate::identity::{BootstrapToken, Principal, Scope, digest_of_secret};
use crate::links::KeyRing;
use crate::store::{Store, StoreError};
use crate::time::{SharedClock, Timestamp};

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
    store: Arc<Store>,
    clock: SharedClock,
    keys: Arc<KeyRing>,
    settings: HubSettings,
    targets: Arc<TargetPolicy>,
    dispatcher: Arc<Dispatcher>,
    bootstrap: BootstrapToken,
    contexts: ContextSchemas,
    rules: RuleBooks,
    trials: Semaphore,
    link_log: LinkLog,
    key_check: replicas::KeyCheck,
    retries: retries::Retries<Task>,
    replay_retries: retries::Retries<crate::ids::ReplayId>,
}

impl Hub {
    /// Joins the parts.
    pub fn new(
        store: Arc<Store>,
        clock: SharedClock,
        keys: Arc<KeyRing>,
        settings: HubSettings,
        targets: Arc<TargetPolicy>,
        dispatcher: Arc<Dispatcher>,
        bootstrap: BootstrapToken,
    ) -> Self {
        Self {
            store,
            clock,
            keys,
            settings,
            targets,
            dispatcher,
            bootstrap,
            contexts: ContextSchemas::default(),
            rules: RuleBooks::default(),
            trials: Semaphore::new(endpoints::AT_ONCE),
            link_log: LinkLog::default(),
            key_check: replicas::KeyCheck::default(),
            retries: retries::Retries::default(),
            replay_retries: retries::Retries::default(),
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
        self.dispatcher.metrics().await
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

/// Refuses a caller that has none of the scopes.
fn require(caller: &Principal, scopes: &[Scope]) -> Result<(), HubError> {
    if scopes.iter().any(|scope| caller.has(*scope)) {
        return Ok(());
    }
    Err(HubError::Forbidden(format!(
        "this needs a token of scope {}",
        scopes.iter().map(|scope| format!("{scope:?}").to_lowercase()).collect::<Vec<_>>().join(" or ")
    )))
}
