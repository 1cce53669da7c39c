//! Asking: a request is made, told and remembered in one transaction.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::notify::announce;
use super::{Hub, HubError, IdempotencyKey, RequestView, check, require};
use crate::approval::{
    Digest, GroupName, Kind, Payload, Policy, Request, Requester, ResourceName, Roster, Slot, Status, Terms, TermsSlot,
    limits, satisfiable,
};
use crate::audit::Entry;
use crate::identity::{Principal, Scope};
use crate::ids::RequestId;
use crate::store::idempotency::{Key, Used};
use crate::store::resources::Resource;
use crate::store::{Session, Signal, Tx, groups, idempotency, requests, resources};

const OPERATION: &str = "request";

/// What a caller asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What would be acted on.
    pub resource: ResourceName,
    /// What sort of approval; an action unless said otherwise.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// The exact text that would run.
    #[serde(default)]
    pub command: Option<String>,
    /// What language it is in.
    #[serde(default)]
    pub language: Option<String>,
    /// Facts about it.
    #[serde(default)]
    pub context: Option<Value>,
    /// Who asks; the token's owner unless said otherwise.
    #[serde(default)]
    pub requester: Option<Requester>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Time to decide; the resource's unless said otherwise.
    #[serde(default)]
    pub timeout_seconds: Option<u32>,
    /// Free tags.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The request made.
#[derive(Debug)]
pub struct Asked {
    /// As it stands.
    pub request: RequestView,
    /// Whether it was made by an earlier call with the same key.
    pub replayed: bool,
}

impl Hub {
    /// Makes a request and tells those who may decide it.
    ///
    /// # Errors
    /// When the caller may not ask, the input cannot be meant, the resource is unknown, or nobody could approve.
    pub async fn ask(&self, caller: &Principal, ask: Ask, key: Option<IdempotencyKey>) -> Result<Asked, HubError> {
        require(caller, &[Scope::Requester])?;
        let body = body_digest(&ask)?;
        let key = key.map(|key| Key { principal: caller.key(), operation: OPERATION, key: key.0 });
        let mut session = self.store.read().await?;
        if let Some(earlier) = replayed(&mut session, key.as_ref(), body).await? {
            drop(session);
            return Ok(Asked { request: self.view(self.settled(earlier).await?), replayed: true });
        }
        let request = self.draft(&mut session, caller, ask).await?;
        drop(session);

        let (public_url, actor) = (self.settings.public_url.clone(), caller.actor());
        let (request, replayed) = self
            .store
            .write(move |tx| Box::pin(async move { create(tx, request, key, body, &public_url, actor).await }))
            .await?;
        Ok(Asked { request: self.view(request), replayed })
    }

    /// The request as it would be, everything checked.
    async fn draft(&self, session: &mut Session, caller: &Principal, ask: Ask) -> Result<Request, HubError> {
        check_bounds(&ask)?;
        let resource = resources::get(session, &ask.resource).await?.ok_or(HubError::NotFound("resource"))?;
        let requester = requester(caller, ask.requester)?;
        if resource.policy.reason_required && ask.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
            let detail = format!("{} wants a reason with every request: say why", resource.name);
            return Err(HubError::invalid("reason_required", "/reason", detail));
        }
        let payload = Payload {
            command: ask.command.unwrap_or_default(),
            language: ask.language,
            context: ask.context.filter(|context| !context.is_null()),
            duration_seconds: None,
        };
        payload.validate().map_err(|error| HubError::invalid("invalid_payload", "", error.to_string()))?;
        if let Some(schema) = &resource.context_schema {
            self.contexts.check(schema, payload.context.as_ref())?;
        }
        let timeout = resource
            .policy
            .timeout(ask.timeout_seconds, self.settings.default_timeout_seconds)
            .map_err(|error| HubError::invalid("invalid_timeout", "/timeout_seconds", error.to_string()))?;
        let terms = terms(session, &resource, &requester).await?;
        let now = self.clock.now();
        Ok(Request {
            id: RequestId::mint(now),
            revision: 1,
            kind: ask.kind.unwrap_or(Kind::Action),
            resource: resource.name,
            digest: payload.digest().map_err(|error| {
                HubError::invalid("invalid_payload", "/context", format!("context has no canonical JSON: {error}"))
            })?,
            payload,
            requester,
            asked_by: caller.key(),
            reason: ask.reason,
            labels: ask.labels,
            status: Status::Pending,
            created_at: now,
            expires_at: now + timeout,
            decided_at: None,
            decision: None,
            terms,
            votes: Vec::new(),
        })
    }
}

/// What an earlier call with the same key made.
async fn replayed(session: &mut Session, key: Option<&Key>, body: Digest) -> Result<Option<Request>, HubError> {
    let Some(key) = key else { return Ok(None) };
    let Some(used) = idempotency::find(session, key).await? else { return Ok(None) };
    if used.body != body {
        let detail = "this Idempotency-Key was used with another body: use a new key for a new request";
        return Err(HubError::Conflict { code: "idempotency_key_reused", detail: detail.to_owned() });
    }
    let id = used.subject.parse().map_err(|_| HubError::NotFound("request"))?;
    requests::get(session, id).await?.map(Some).ok_or(HubError::NotFound("request"))
}

async fn create(
    tx: &mut Tx,
    request: Request,
    key: Option<Key>,
    body: Digest,
    public_url: &str,
    actor: crate::audit::Actor,
) -> Result<(Request, bool), HubError> {
    // Looked at again where nobody else writes: two calls with one key may be under way.
    if let Some(earlier) = replayed(tx.session(), key.as_ref(), body).await? {
        return Ok((earlier, true));
    }
    let now = request.created_at;
    requests::insert(tx.session(), &request).await?;
    if let Some(key) = key {
        let used = Used { body, subject: request.id.to_string() };
        idempotency::remember(tx.session(), &key, &used, now).await?;
    }
    announce(tx, public_url, "request.created", &request, &Roster::default(), now).await?;
    tx.record(&Entry {
        person: request.requester.email.clone(),
        request: Some(request.id),
        digest: Some(request.digest),
        details: json!({"resource": request.resource, "expires_at": request.expires_at}),
        ..Entry::new(now, "request.created", actor)
    })?;
    tx.signal(Signal::Deadline);
    Ok((request, false))
}

fn check_bounds(ask: &Ask) -> Result<(), HubError> {
    check::optional("/command", ask.command.as_ref(), limits::COMMAND)?;
    check::optional("/language", ask.language.as_ref(), limits::SHORT)?;
    check::optional("/reason", ask.reason.as_ref(), limits::REASON)?;
    if let Some(context) = &ask.context {
        // As text, NUL is an escape and no trouble: only the length counts.
        let length = context.to_string().len();
        if length > limits::CONTEXT {
            let detail = format!("context has {length} bytes as compact JSON: at most {}", limits::CONTEXT);
            return Err(HubError::invalid("too_long", "/context", detail));
        }
    }
    check::count("/labels", ask.labels.len(), limits::ITEMS)?;
    for (key, value) in &ask.labels {
        check::text("/labels", key, limits::SHORT)?;
        check::text("/labels", value, limits::SHORT)?;
    }
    ask.requester.as_ref().map_or(Ok(()), check::requester)
}

/// Who asks: a person's token asks for that person; a system's token says for whom, or asks for itself.
fn requester(caller: &Principal, said: Option<Requester>) -> Result<Requester, HubError> {
    let owner = caller.person();
    match (said, owner) {
        (Some(said), Some(owner)) if said.email.is_some() && !said.is(owner) && !caller.has(Scope::Admin) => {
            let detail = format!("this token asks for {owner} only: leave requester out, or use a system's token");
            Err(HubError::Forbidden(detail))
        }
        (Some(said), owner) => Ok(Requester { email: said.email.or_else(|| owner.cloned()), ..said }),
        (None, Some(owner)) => Ok(Requester { email: Some(owner.clone()), name: None, groups: Vec::new() }),
        (None, None) => Ok(Requester { email: None, name: Some(caller.name().to_owned()), groups: Vec::new() }),
    }
}

/// Snapshots the policy; refuses when nobody could ever fill it.
async fn terms(session: &mut Session, resource: &Resource, requester: &Requester) -> Result<Terms, HubError> {
    let Policy { slots, reject_reason_required, .. } = &resource.policy;
    let roster = groups::roster(session, slots.iter().map(|slot| &slot.group)).await?;
    let in_conflict = |person: &_| requester.is(person);
    if !satisfiable(slots, &roster, in_conflict) {
        return Err(HubError::Unsatisfiable { resource: resource.name.to_string() });
    }
    let eligible = |group: &GroupName| {
        u32::try_from(roster.members(group).filter(|person| !in_conflict(person)).count()).unwrap_or(u32::MAX)
    };
    let snapshot = |slot: &Slot| TermsSlot { slot: slot.clone(), eligible: eligible(&slot.group) };
    Ok(Terms { slots: slots.iter().map(snapshot).collect(), reject_reason_required: *reject_reason_required })
}

/// Of the input's meaning, not its spelling: white space and the order of members do not matter.
fn body_digest(ask: &Ask) -> Result<Digest, HubError> {
    serde_json_canonicalizer::to_vec(ask)
        .map(|canonical| Digest::of(&canonical))
        .map_err(|error| HubError::invalid("invalid_payload", "/context", error.to_string()))
}
