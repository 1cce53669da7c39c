//! What is configured, and what of it needs a look.

use super::{Hub, HubError, Readiness, require};
use crate::approval::EndpointName;
use crate::identity::{Principal, Right};
use crate::ids::EndpointId;
use crate::store::endpoints::EndpointState;
use crate::store::totals::{self, Totals};
use crate::store::{health, template_problems};

/// The configuration at a glance.
#[derive(Debug, Clone)]
pub struct SettingsOverview {
    pub totals: Totals,
    pub endpoints: usize,
    pub templates: usize,
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
        self.troubled.is_empty() && self.findings == Readiness::default()
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
    /// Counts what is configured, and says what of it needs a look.
    ///
    /// # Errors
    /// When the caller may not see it, or the store fails.
    pub async fn settings_overview(&self, caller: &Principal) -> Result<SettingsOverview, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let (endpoints, templates) = (self.store.lookup().endpoints().await?, self.store.lookup().templates().await?);
        let ids = || endpoints.iter().map(|endpoint| endpoint.id);
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
        Ok(SettingsOverview {
            troubled: troubled.collect(),
            totals: totals::count(session).await?,
            endpoints: endpoints.len(),
            templates: templates.len(),
            findings: self.findings(),
        })
    }
}
