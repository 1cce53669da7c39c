//! What is configured, and what of it needs a look.

use std::sync::Arc;
use std::time::Duration;

use super::{Hub, HubError, PolicyMistakes, Readiness, require};
use crate::approval::EndpointName;
use crate::identity::{Principal, Right, Token};
use crate::ids::EndpointId;
use crate::store::endpoints::EndpointState;
use crate::store::totals::{self, Totals};
use crate::store::{health, template_problems, tokens};

/// Tokens that expire within this time need a look: two weeks.
const SOON: Duration = Duration::from_secs(14 * 86_400);
/// Most resources whose policies are looked at.
const RESOURCES: u32 = 200;
/// Most tokens that are listed.
const LISTED: u32 = 5;

/// The configuration at a glance.
#[derive(Debug, Clone)]
pub struct SettingsOverview {
    pub totals: Totals,
    pub endpoints: usize,
    pub templates: usize,
    /// Resources with likely mistakes in their policies.
    pub mistakes: Arc<PolicyMistakes>,
    /// Tokens that expire soon; empty for callers who may not see tokens.
    pub expiring: Vec<Token>,
    /// Endpoints that receive nothing, or not what they should.
    pub troubled: Vec<TroubledEndpoint>,
    /// What an operator should read, as `/readyz` says it.
    pub findings: Readiness,
}

/// An endpoint that needs a look.
#[derive(Debug, Clone)]
pub struct TroubledEndpoint {
    pub id: EndpointId,
    pub name: EndpointName,
    pub trouble: Trouble,
}

/// Why an endpoint needs a look; the worst reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Disabled,
    Failing,
    Template,
    Paused,
}

impl SettingsOverview {
    /// Whether nothing needs a look.
    pub fn is_calm(&self) -> bool {
        self.troubled.is_empty()
            && self.mistakes.is_empty()
            && self.expiring.is_empty()
            && self.findings == Readiness::default()
    }
}

impl TroubledEndpoint {
    /// Whether nothing arrives.
    pub fn is_urgent(&self) -> bool {
        matches!(self.trouble, Trouble::Disabled | Trouble::Failing)
    }
}

impl Trouble {
    /// In a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "is switched off",
            Self::Failing => "receives nothing: its last messages failed",
            Self::Template => "has a template that fails",
            Self::Paused => "is paused: its messages wait",
        }
    }
}

impl Hub {
    /// The first resources with likely mistakes in their policies.
    async fn policy_mistakes(&self, caller: &Principal) -> Result<Arc<PolicyMistakes>, HubError> {
        let (version, now) = (self.store.lookup().version(), self.clock.now());
        if let Some(found) = self.policy_check.get(version, now) {
            return Ok(found);
        }
        let resources = self.resources_with_warnings(caller, RESOURCES, "").await?.items;
        let found = resources.into_iter().filter(|one| !one.warnings.is_empty()).map(|one| (one.name, one.warnings));
        let found: Arc<PolicyMistakes> = Arc::new(found.collect());
        self.policy_check.keep(version, now, Arc::clone(&found));
        Ok(found)
    }

    /// Counts what is configured, and says what of it needs a look.
    ///
    /// # Errors
    /// When the caller may not see it, or the store fails.
    pub async fn settings_overview(&self, caller: &Principal) -> Result<SettingsOverview, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let (endpoints, templates) = (self.store.lookup().endpoints().await?, self.store.lookup().templates().await?);
        let ids = || endpoints.iter().map(|endpoint| endpoint.id);
        let mistakes = self.policy_mistakes(caller).await?;
        let session = &mut self.store.read().await?;
        let (mut failing, mut problems) = (Vec::new(), Vec::new());
        if let Some((first, last)) = ids().min().zip(ids().max()) {
            failing = health::between(session, first, last).await?;
            problems = template_problems::between(session, first, last).await?;
        }
        let trouble = |id: EndpointId, state: EndpointState, is_paused: bool| match state {
            EndpointState::Disabled => Some(Trouble::Disabled),
            _ if failing.iter().any(|(other, _)| *other == id) => Some(Trouble::Failing),
            _ if problems.iter().any(|(other, _)| *other == id) => Some(Trouble::Template),
            _ => is_paused.then_some(Trouble::Paused),
        };
        let troubled = endpoints.iter().filter_map(|one| {
            let trouble = trouble(one.id, one.state, one.paused_at.is_some())?;
            Some(TroubledEndpoint { id: one.id, name: one.name.clone(), trouble })
        });
        let (now, may_see_tokens) = (self.clock.now(), caller.may(Right::ManageTokens));
        let expiring =
            if may_see_tokens { tokens::expiring(session, now, now + SOON, LISTED).await? } else { Vec::new() };
        Ok(SettingsOverview {
            mistakes,
            expiring,
            troubled: troubled.collect(),
            totals: totals::count(session).await?,
            endpoints: endpoints.len(),
            templates: templates.len(),
            findings: self.findings(),
        })
    }
}
