//! Creating a request: checks the ask, drafts the request with its terms, and writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::belonging::{belonging, with_old_membership};
use super::create::{Prepared, create, earlier_request};
use crate::approval::{
    Admission, Assurance, Decision, Digest, Email, GroupName, InvalidPayload, Judgement, Kind, Payload, Procedure,
    Progress, Request, Requester, ResourceName, Status, Terms, admit, is_blank, limits, satisfiable,
};
use crate::codes::Code;
use crate::hub::access::{is_own, require_resource};
use crate::hub::config::compiled_rules::digest;
use crate::hub::{Hub, HubError, IdempotencyKey, input, require};
use crate::identity::{Principal, Right, Scope};
use crate::ids::RequestId;
use crate::store::idempotency::Key;
use crate::store::resources::Resource;
use crate::store::{Lookup, requests, sessions, tokens};
use crate::time::Timestamp;

const OPERATION: &str = "request";

/// The body of an ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub resource: ResourceName,
    /// Defaults to an action.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The exact text to run.
    #[serde(default)]
    pub command: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
    #[serde(default)]
    pub context: Option<Value>,
    /// Defaults to the token's owner.
    #[serde(default)]
    pub requester: Option<Requester>,
    /// The person who gets the access, when it is not the requester.
    #[serde(default)]
    pub beneficiary: Option<Email>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Time to decide; defaults to the resource's.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// Length of the access window.
    #[serde(default)]
    pub duration_seconds: Option<u32>,
    /// An earlier request of the caller, which this one supersedes.
    #[serde(default)]
    pub replaces: Option<RequestId>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The created request.
#[derive(Debug)]
pub struct Asked {
    /// The request as JSON: the text that its event stores, so that it is serialized only once.
    pub request: String,
    /// Whether an earlier call with the same key created it.
    pub replayed: bool,
}

impl Hub {
    /// Creates a request and announces it to those who may decide it.
    ///
    /// # Errors
    /// When the caller may not ask, the input is invalid, the resource is unknown, or too few people could approve.
    pub async fn ask(&self, caller: &Principal, ask: Ask, key: Option<IdempotencyKey>) -> Result<Asked, HubError> {
        require(caller, Right::Ask)?;
        let key = match key {
            Some(key) => {
                let key = Key { principal: caller.key(), operation: OPERATION, key: key.0 };
                Some((key, body_digest(&ask)?))
            }
            None => None,
        };
        let earlier = match &key {
            Some(key) => earlier_request(&mut self.store.read().await?, key).await?,
            None => None,
        };
        if let Some(earlier) = earlier {
            return Ok(Asked { request: self.view(self.settled(earlier).await?).to_json()?, replayed: true });
        }
        if let Some(earlier) = ask.replaces {
            let known = requests::get(&mut self.store.read().await?, earlier).await?;
            let own = known.is_some_and(|known| is_own(caller, &known));
            own.then_some(()).ok_or(HubError::NotFound("request to replace"))?;
        }
        loop {
            let lookup = self.store.lookup();
            let version = lookup.version();
            let Draft { request, admission, satisfiable, .. } = self.draft(&lookup, caller, ask.clone()).await?;
            if let Admission::NotVisible = admission {
                return Err(HubError::NotFound("resource"));
            }
            if !satisfiable {
                return Err(HubError::Unsatisfiable { resource: request.resource.to_string() });
            }
            let (context, by, key) = (self.change_context(caller.actor()), caller.person().cloned(), key.clone());
            let prepared = Prepared::new(&request, &context)?;
            let shown = (request.status == Status::Pending).then(|| prepared.shown().to_owned());
            let made = self
                .store
                .write::<_, _, HubError>(move |tx| {
                    Box::pin(async move {
                        if tx.configuration_version() != Some(version) {
                            return Ok(None);
                        }
                        create(tx, request, prepared, by, key, &context).await.map(Some)
                    })
                })
                .await?;
            if let Some((request, replayed)) = made {
                let request = match shown.filter(|_| !replayed) {
                    Some(shown) => shown,
                    None => self.view(request).to_json()?,
                };
                return Ok(Asked { request, replayed });
            }
            // The configuration changed meanwhile, perhaps through another replica: permissions and terms may differ.
            self.check_not_revoked(caller).await?;
        }
    }

    /// Rejects a caller whose token or session has ended meanwhile.
    async fn check_not_revoked(&self, caller: &Principal) -> Result<(), HubError> {
        let (known, ended) = match caller {
            Principal::Operator => return Ok(()),
            Principal::Token(token) => {
                (tokens::get(&mut self.store.read().await?, token.id).await?.is_some(), "this token has been revoked")
            }
            Principal::Session(session) => {
                let read = sessions::get(&mut self.store.read().await?, session.id).await?;
                // Roles and memberships may have changed too.
                (
                    read.is_some_and(|read| read.session == *session),
                    "this session has ended, or its rights have changed",
                )
            }
        };
        known.then_some(()).ok_or_else(|| HubError::Forbidden(ended.to_owned()))
    }

    /// Drafts the request of an ask, with all checks, and the admission that decides whether people are asked.
    pub(super) async fn draft(&self, lookup: &Lookup<'_>, caller: &Principal, ask: Ask) -> Result<Draft, HubError> {
        check_bounds(&ask)?;
        require_resource(caller, &ask.resource)?;
        let resource = lookup.resource(&ask.resource).await?.ok_or(HubError::NotFound("resource"))?;
        let requester = requester(caller, ask.requester)?;
        let kind = ask.kind.unwrap_or(Kind::Action);
        let payload = Payload {
            command: ask.command.unwrap_or_default(),
            language: ask.language,
            context: ask.context.filter(|context| !context.is_null()),
            duration_seconds: ask.duration_seconds,
        };
        let (ruling, payload) = self.rules.judge(&resource.policy.procedure.guardrails, payload).await?;
        let now = self.clock.now();
        let groups = belonging(lookup, caller, &requester, ask.beneficiary.as_ref(), now).await?;
        let admission = admit(&resource.policy, &ruling.verdict, &groups);
        if admission == Admission::NotVisible {
            // Before other errors in the input, which would reveal that the resource exists.
            self.refuse_invisible(lookup, caller, &resource, (&requester, now)).await?;
        } else {
            let person = ask.beneficiary.as_ref().or(requester.email.as_ref());
            self.check_against_policy(&resource, kind, &payload, ask.reason.as_ref(), person)?;
        }
        let timeout = self.timeout(&resource, ask.timeout_seconds)?;
        let asked_for = ask.beneficiary.iter().chain(&requester.email).chain(&requester.acting_for);
        let askers = asked_for.chain(caller.person()).cloned().collect();
        let (terms, satisfiable) = terms(lookup, &resource, askers, &admission, self.settings.min_assurance).await?;
        let decision = decided_at_once(&admission);
        let request = Request {
            id: RequestId::mint(now),
            revision: 1,
            kind,
            resource: resource.name.clone(),
            digest: digest(&payload)?,
            payload,
            requester,
            beneficiary: ask.beneficiary,
            asked_by: caller.key(),
            reason: ask.reason,
            labels: ask.labels,
            status: decision.as_ref().map_or(Status::Pending, |decision| decision.outcome),
            created_at: now,
            expires_at: now + timeout,
            decided_at: decision.as_ref().map(|_| now),
            decision,
            terms,
            votes: Vec::new(),
            change: None,
            supersedes: ask.replaces,
            superseded_by: None,
            undecidable: false,
            progress: Progress::default(),
            execution: None,
            grant: None,
            review: None,
        };
        Ok(Draft { request, admission, satisfiable, judgement: ruling })
    }

    /// Rejects an ask for a resource that the requester may not see. Auditors may evaluate it.
    async fn refuse_invisible(
        &self,
        lookup: &Lookup<'_>,
        caller: &Principal,
        resource: &Resource,
        (requester, now): (&Requester, Timestamp),
    ) -> Result<(), HubError> {
        let wanted = &resource.policy.requester_groups;
        if let Some(person) = with_old_membership(lookup, requester, wanted, now).await? {
            return Err(HubError::MembershipStale { person, sign_in_url: self.sign_in_url(), request: None });
        }
        if caller.has(Scope::Auditor) { Ok(()) } else { Err(HubError::NotFound("resource")) }
    }

    fn timeout(&self, resource: &Resource, seconds: Option<u32>) -> Result<Duration, HubError> {
        let timeout = resource.policy.timeout(seconds, self.settings.default_timeout_seconds);
        timeout.map_err(|error| HubError::invalid(Code::InvalidTimeout, "/timeout_seconds", error.to_string()))
    }

    /// Checks what the resource requires of every request.
    fn check_against_policy(
        &self,
        resource: &Resource,
        kind: Kind,
        payload: &Payload,
        reason: Option<&String>,
        person: Option<&Email>,
    ) -> Result<(), HubError> {
        if resource.policy.reason_required && reason.is_none_or(|reason| is_blank(reason)) {
            let detail = format!("{} requires a reason with every request: add one", resource.name);
            return Err(HubError::invalid(Code::ReasonRequired, "/reason", detail));
        }
        check_payload(&resource.policy.procedure, kind, payload)?;
        if kind == Kind::Jit && person.is_none() {
            let detail = "access is granted to a person: set requester.email or beneficiary";
            return Err(HubError::invalid(Code::PersonRequired, "/requester/email", detail));
        }
        match &resource.context_schema {
            Some(schema) => self.contexts.check(schema, payload.context.as_ref()),
            None => Ok(()),
        }
    }
}

/// The decision that is made before anyone is asked, if there is one.
fn decided_at_once(admission: &Admission) -> Option<Decision> {
    match admission {
        Admission::Decided(decision) => Some(decision.clone()),
        Admission::NotVisible | Admission::Ask { .. } => None,
    }
}

/// Checks a payload, from the requester or proposed by a voter.
pub(super) fn check_payload(procedure: &Procedure, kind: Kind, payload: &Payload) -> Result<(), HubError> {
    payload.validate(kind).map_err(|error| {
        let (code, pointer) = match error {
            InvalidPayload::Duration => (Code::DurationRequired, "/duration_seconds"),
            InvalidPayload::NoCommand => (Code::InvalidPayload, "/command"),
            InvalidPayload::Integer => (Code::InvalidPayload, "/context"),
        };
        HubError::invalid(code, pointer, error.to_string())
    })?;
    let longest = procedure.max_duration();
    if payload.duration_seconds.is_some_and(|seconds| seconds > longest) {
        let detail = format!("access to this resource is limited to {longest} seconds");
        return Err(HubError::invalid(Code::DurationTooLong, "/duration_seconds", detail));
    }
    Ok(())
}

/// A request that is not created yet.
pub(super) struct Draft {
    pub(super) request: Request,
    pub(super) admission: Admission,
    /// Whether there are enough people to fill the slots.
    pub(super) satisfiable: bool,
    /// The findings of the guardrails.
    pub(super) judgement: Judgement,
}

fn check_bounds(ask: &Ask) -> Result<(), HubError> {
    input::optional("/command", ask.command.as_ref(), limits::COMMAND)?;
    input::optional("/language", ask.language.as_ref(), limits::SHORT)?;
    input::optional("/reason", ask.reason.as_ref(), limits::REASON)?;
    input::context(ask.context.as_ref())?;
    input::count("/labels", ask.labels.len(), limits::ITEMS)?;
    for (key, value) in &ask.labels {
        input::text("/labels", key, limits::SHORT)?;
        input::text("/labels", value, limits::SHORT)?;
    }
    ask.requester.as_ref().map_or(Ok(()), input::requester)
}

/// The requester. A person's token asks for that person; a system's token names the requester, or asks for itself.
fn requester(caller: &Principal, given: Option<Requester>) -> Result<Requester, HubError> {
    if caller.is_agent() && given.as_ref().is_none_or(|given| given.acting_for.is_none()) {
        let detail = "an agent's request needs requester.acting_for: the person whom the agent acts for";
        return Err(HubError::invalid(Code::ActingForRequired, "/requester/acting_for", detail));
    }
    let owner = caller.person();
    match (given, owner) {
        (Some(given), Some(owner))
            if given.email.as_ref().is_some_and(|email| email != owner) && !caller.has(Scope::Admin) =>
        {
            let detail = format!("this token can only ask for {owner}: omit requester, or use a system's token");
            Err(HubError::Forbidden(detail))
        }
        (Some(given), Some(owner))
            if given.acting_for.as_ref().is_some_and(|human| human != owner) && !caller.has(Scope::Admin) =>
        {
            let detail =
                format!("this token can only act for {owner}: omit requester.acting_for, or use a system's token");
            Err(HubError::Forbidden(detail))
        }
        (Some(given), owner) => Ok(Requester { email: given.email.or_else(|| owner.cloned()), ..given }),
        (None, Some(owner)) => {
            Ok(Requester { email: Some(owner.clone()), name: None, groups: Vec::new(), acting_for: None })
        }
        (None, None) => {
            Ok(Requester { email: None, name: Some(caller.name().to_owned()), groups: Vec::new(), acting_for: None })
        }
    }
}

/// Returns the terms (a snapshot of the policy), and whether the members of the deciding groups can fill the slots. Members
/// by an old sign-in count: they can sign in again.
async fn terms(
    lookup: &Lookup<'_>,
    resource: &Resource,
    askers: BTreeSet<Email>,
    admission: &Admission,
    default_min_assurance: Option<Assurance>,
) -> Result<(Terms, bool), HubError> {
    let policy = &resource.policy;
    let (asked, added, asking_rules) = match admission {
        Admission::Ask { slots, rules } => (true, slots.clone(), rules.clone()),
        Admission::NotVisible | Admission::Decided(_) => (false, Vec::new(), Vec::new()),
    };
    let asked_groups: Vec<&GroupName> = added.iter().map(|slot| &slot.group).collect();
    let roster = lookup.roster(&asked_groups).await?;
    let mut terms = Terms {
        default_min_assurance,
        slots: Vec::new(),
        policy_slots: policy.slots.clone(),
        conflicted: policy.conflicted.clone(),
        askers,
        asking_rules,
        procedure: Arc::clone(&policy.procedure),
    };
    if asked {
        terms.slots = terms.slots_with(&added, &roster);
    }
    let satisfiable = satisfiable(&terms.slots, &roster, |person| terms.is_in_conflict(person));
    Ok((terms, satisfiable))
}

/// The digest of the input's canonical JSON: white space and the order of members do not matter.
fn body_digest(ask: &Ask) -> Result<Digest, HubError> {
    serde_json_canonicalizer::to_vec(ask)
        .map(|canonical| Digest::of(&canonical))
        .map_err(|error| HubError::invalid(Code::InvalidPayload, "/context", error.to_string()))
}
