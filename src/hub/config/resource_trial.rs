//! Tries a policy before it is saved: what would change, its likely mistakes, what it says to a command, and what it would
//! have said to the last requests.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::apply::Manifest;
use super::resources::ResourceInput;
use crate::approval::{
    Finding, Guardrail, Judgement, Payload, Policy, Request, ResourceName, RuleName, Ruling, Slot, limits, with_added,
};
use crate::hub::apply_plan::Verb;
use crate::hub::{Hub, HubError, input, require};
use crate::identity::{Principal, Right};
use crate::ids::RequestId;
use crate::store::{StoreError, requests};

/// How far back requests are tried.
const PERIOD: Duration = Duration::from_secs(30 * 86_400);
/// Most requests that are tried: the newest.
const REQUESTS: u32 = 200;
/// Most bytes of commands that are tried; longer ones are counted as left out.
const BYTES: usize = 1024 * 1024;
/// Most requests that are listed with what changes for them.
const LISTED: usize = 20;
/// Characters of a command in a list.
const SHOWN: usize = 120;

/// The body of a trial: a policy, and a command for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceTrialInput {
    pub resource: ResourceInput,
    #[serde(default)]
    pub command: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
}

/// What a policy would do.
#[derive(Debug, Serialize)]
pub struct ResourceTrial {
    /// What saving it would do to the resource.
    pub verb: Verb,
    /// Likely mistakes.
    pub warnings: Vec<String>,
    /// What it says to the given command.
    pub command: Option<CommandTrial>,
    pub history: HistoryTrial,
}

/// What a policy says to a command, to people who are in none of its groups.
#[derive(Debug, Serialize)]
pub struct CommandTrial {
    #[serde(flatten)]
    pub says: Says,
    /// The rule that decides.
    pub rule: Option<RuleName>,
    pub reason: Option<String>,
    /// The rules that each statement matches.
    pub findings: Vec<Finding>,
    /// Whether the command is ambiguous; no rule allows an ambiguous command.
    pub unclear: bool,
    /// Who would be asked.
    pub slots: Vec<Slot>,
}

/// The answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Says {
    pub outcome: TrialOutcome,
    /// Approvals needed.
    pub approvals: u32,
}

/// What happens to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialOutcome {
    /// People are asked.
    Asked,
    /// A rule allows it.
    Allowed,
    /// A rule denies it.
    Denied,
}

/// The requests of the last 30 days under the policy.
#[derive(Debug, Default, Serialize)]
pub struct HistoryTrial {
    /// How many were tried, the newest first.
    pub tried: usize,
    /// How many were left out because their commands are too long.
    pub left_out: usize,
    /// Under the stored policy.
    pub now: Counts,
    /// Under the policy that is tried.
    pub then: Counts,
    /// Requests to which it says something else.
    pub changed: usize,
    /// The newest of them.
    pub examples: Vec<ChangedRequest>,
}

/// How many requests ended how, at admission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub asked: usize,
    pub allowed: usize,
    pub denied: usize,
    /// Approvals needed, in all.
    pub approvals: u64,
}

/// A request to which the policy says something else.
#[derive(Debug, Serialize)]
pub struct ChangedRequest {
    pub id: RequestId,
    /// The beginning of its command.
    pub command: String,
    pub now: Says,
    pub then: Says,
}

impl Counts {
    fn add(&mut self, says: Says) {
        match says.outcome {
            TrialOutcome::Asked => self.asked += 1,
            TrialOutcome::Allowed => self.allowed += 1,
            TrialOutcome::Denied => self.denied += 1,
        }
        self.approvals += u64::from(says.approvals);
    }
}

/// The slots that a judgement asks for.
fn slots(policy: &Policy, judgement: &Judgement) -> Vec<Slot> {
    match &judgement.verdict {
        Ruling::Ask { slots, .. } => with_added(&policy.slots, slots),
        Ruling::Denied { .. } | Ruling::Allowed { .. } => Vec::new(),
    }
}

fn says(policy: &Policy, judgement: &Judgement) -> Says {
    let outcome = match judgement.verdict {
        Ruling::Ask { .. } => TrialOutcome::Asked,
        Ruling::Allowed { .. } => TrialOutcome::Allowed,
        Ruling::Denied { .. } => TrialOutcome::Denied,
    };
    Says { outcome, approvals: slots(policy, judgement).iter().map(|slot| slot.needed).sum() }
}

fn beginning(command: &str) -> String {
    let short: String = command.chars().take(SHOWN).collect();
    if short.len() < command.len() { format!("{short}…") } else { short }
}

impl Hub {
    /// Tries a policy. Nothing is changed.
    ///
    /// # Errors
    /// When the caller may not, or the policy is invalid.
    pub async fn try_resource(
        &self,
        caller: &Principal,
        name: ResourceName,
        ResourceTrialInput { resource, command, language }: ResourceTrialInput,
    ) -> Result<ResourceTrial, HubError> {
        require(caller, Right::Configure)?;
        input::optional("/command", command.as_ref(), limits::COMMAND)?;
        input::optional("/language", language.as_ref(), limits::SHORT)?;
        let (draft, named) = (resource.clone(), name.clone());
        // The rules are checked against all of their examples, which may take a while.
        let checking = tokio::task::spawn_blocking(move || draft.check(named));
        let policy = checking.await.map_err(|_| StoreError::Panicked)??.policy;
        let manifest = Manifest { resources: BTreeMap::from([(name.clone(), resource)]), ..Manifest::default() };
        let plan = self.apply(caller, manifest, true).await.map_err(|error| of_the_resource(&name, error))?;
        let command = match command {
            Some(command) => Some(self.try_command(&policy, command, language).await?),
            None => None,
        };
        Ok(ResourceTrial {
            verb: plan.changes.first().map_or(Verb::Keep, |change| change.verb),
            warnings: plan.warnings,
            command,
            history: self.try_history(&name, &policy).await?,
        })
    }

    async fn try_command(
        &self,
        policy: &Policy,
        command: String,
        language: Option<String>,
    ) -> Result<CommandTrial, HubError> {
        let payload = Payload { command, language, context: None, duration_seconds: None };
        let (judgement, _) = self.rules.judge(&policy.procedure.guardrails, payload).await?;
        let (says, slots) = (says(policy, &judgement), slots(policy, &judgement));
        let (rule, reason) = match judgement.verdict {
            Ruling::Denied { rule, reason } => (Some(rule), reason),
            Ruling::Allowed { rule } => (Some(rule), None),
            Ruling::Ask { rules, .. } => (rules.into_iter().next(), None),
        };
        Ok(CommandTrial { says, rule, reason, findings: judgement.findings, unclear: judgement.unclear, slots })
    }

    async fn try_history(&self, name: &ResourceName, policy: &Policy) -> Result<HistoryTrial, HubError> {
        let stored = self.store.lookup().resource(name).await?;
        let Some(stored) = stored else { return Ok(HistoryTrial::default()) };
        let filter = requests::Filter {
            resource: Some(name.clone()),
            from: Some(self.clock.now() - PERIOD),
            ..requests::Filter::default()
        };
        let found = requests::page(&mut self.store.read().await?, &filter, None, REQUESTS).await?.requests;
        let (mut history, mut bytes) = (HistoryTrial::default(), 0);
        for request in found {
            bytes += request.payload.command.len();
            if bytes > BYTES {
                history.left_out += 1;
                continue;
            }
            let now = self.said(&stored.policy, &request).await?;
            let then = self.said(policy, &request).await?;
            history.add(&request, now, then);
        }
        Ok(history)
    }

    async fn said(&self, policy: &Policy, request: &Request) -> Result<Says, HubError> {
        let rules: &[Guardrail] = &policy.procedure.guardrails;
        let (judgement, _) = self.rules.judge(rules, request.payload.clone()).await?;
        Ok(says(policy, &judgement))
    }
}

impl HistoryTrial {
    fn add(&mut self, request: &Request, now: Says, then: Says) {
        self.tried += 1;
        self.now.add(now);
        self.then.add(then);
        if now == then {
            return;
        }
        self.changed += 1;
        if self.examples.len() < LISTED {
            self.examples.push(ChangedRequest {
                id: request.id,
                command: beginning(&request.payload.command),
                now,
                then,
            });
        }
    }
}

/// An error of the manifest as one of the resource alone.
fn of_the_resource(name: &ResourceName, error: HubError) -> HubError {
    match error {
        HubError::Invalid { code, pointer, detail } => {
            let own = pointer.strip_prefix(&format!("/resources/{name}")).map(str::to_owned);
            HubError::Invalid { code, pointer: own.unwrap_or(pointer), detail }
        }
        other => other,
    }
}
