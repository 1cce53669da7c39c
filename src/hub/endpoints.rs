//! Endpoints: where notifications go.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::query::parse_cursor;
use super::{Hub, HubError, IdempotencyKey, Page, check, require};
use crate::approval::{Digest, EndpointName, GroupName, ResourceName, limits};
use crate::audit::Entry;
use crate::delivery::TargetPolicy;
use crate::identity::{Principal, Scope};
use crate::ids::EndpointId;
use crate::random;
use crate::store::endpoints::{Channel, Endpoint, EndpointState};
use crate::store::events::KINDS as EVENTS;
use crate::store::idempotency::{Key, Used};
use crate::store::transport::Transport;
use crate::store::{Session, Tx, deliveries, endpoints, idempotency};
use crate::time::Timestamp;

const OPERATION: &str = "endpoint";
/// Longest URL.
const MAX_URL: usize = 4 * 1024;
/// Bytes of a signing secret (Standard Webhooks 1.0, "Symmetric").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// An endpoint as given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointInput {
    /// What people call it.
    pub name: EndpointName,
    /// What is at the other end.
    pub channel: Channel,
    /// Where.
    pub url: SecretString,
    /// The signing secret, `whsec_…`; made when absent. Custom endpoints only.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// Which events; empty for all.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// Which resources; empty for all.
    #[serde(default)]
    pub resources: BTreeSet<ResourceName>,
    /// For which deciding groups it speaks; empty for any request, without deciding links.
    #[serde(default)]
    pub groups: BTreeSet<GroupName>,
}

/// What to change of an endpoint; absent fields stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of EndpointInput")]
pub struct EndpointPatch {
    pub name: Option<EndpointName>,
    pub url: Option<SecretString>,
    pub events: Option<BTreeSet<String>>,
    pub resources: Option<BTreeSet<ResourceName>>,
    pub groups: Option<BTreeSet<GroupName>>,
    /// `active` switches a disabled endpoint on again.
    pub state: Option<EndpointState>,
}

/// An endpoint, shown. Its URL is masked: for a chat channel it is the secret.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of EndpointInput")]
pub struct EndpointView {
    pub id: EndpointId,
    pub name: EndpointName,
    pub channel: Channel,
    pub url: String,
    pub events: BTreeSet<String>,
    pub resources: BTreeSet<ResourceName>,
    pub groups: BTreeSet<GroupName>,
    pub state: EndpointState,
    pub disabled_reason: Option<String>,
    pub created_at: Timestamp,
}

/// A new endpoint with its signing secret, which is shown this once.
#[derive(Debug, Serialize)]
pub struct WithSecret {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: EndpointView,
    /// Its signing secret; absent for chat channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl EndpointView {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id,
            name: endpoint.name.clone(),
            channel: endpoint.channel,
            url: TargetPolicy::masked(endpoint.url.expose_secret()),
            events: endpoint.events.clone(),
            resources: endpoint.resources.clone(),
            groups: endpoint.groups.clone(),
            state: endpoint.state,
            disabled_reason: endpoint.disabled_reason.clone(),
            created_at: endpoint.created_at,
        }
    }
}

impl WithSecret {
    fn new(endpoint: &Endpoint) -> Self {
        let secret = endpoint.secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        Self { endpoint: EndpointView::new(endpoint), secret }
    }
}

impl EndpointInput {
    /// The endpoint that this describes; `known` when one of that name exists, whose identity and secret stay.
    pub(super) fn check(
        self,
        known: Option<&Endpoint>,
        targets: &TargetPolicy,
        now: Timestamp,
    ) -> Result<Endpoint, HubError> {
        let secret = match (self.channel, self.secret) {
            (Channel::Teams, Some(_)) => {
                let detail = "a teams endpoint has no signing secret: its URL is the secret";
                return Err(HubError::invalid("invalid_secret", "/secret", detail));
            }
            (Channel::Teams, None) => None,
            (Channel::Custom, Some(given)) => Some(checked_secret(given)?),
            (Channel::Custom, None) => {
                known.and_then(|known| known.secret.clone()).or_else(|| Some(new_signing_secret()))
            }
        };
        let endpoint = Endpoint {
            id: known.map_or_else(|| EndpointId::mint(now), |known| known.id),
            name: self.name,
            channel: self.channel,
            url: self.url,
            secret,
            events: self.events,
            resources: self.resources,
            groups: self.groups,
            state: EndpointState::Active,
            disabled_reason: None,
            transport: Transport::default(),
            retiring: known.map(|known| known.retiring.clone()).unwrap_or_default(),
            paused_at: known.and_then(|known| known.paused_at),
            created_at: known.map_or(now, |known| known.created_at),
        };
        checked(&endpoint, targets)?;
        Ok(endpoint)
    }
}

/// Checks what types cannot, of a new endpoint or a changed one.
fn checked(endpoint: &Endpoint, targets: &TargetPolicy) -> Result<(), HubError> {
    let url = endpoint.url.expose_secret();
    check::text("/url", url, MAX_URL)?;
    targets.check_url(url).map_err(|error| HubError::invalid("invalid_url", "/url", error.to_string()))?;
    check::count("/resources", endpoint.resources.len(), limits::SHORT)?;
    check::count("/groups", endpoint.groups.len(), limits::ITEMS)?;
    if let Some(unknown) = endpoint.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        let detail = format!("there is no event {unknown:?}; the events are {}", EVENTS.join(", "));
        return Err(HubError::invalid("unknown_event", "/events", detail));
    }
    Ok(())
}

fn checked_secret(secret: SecretString) -> Result<SecretString, HubError> {
    let bytes = secret.expose_secret().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    if bytes.is_some_and(|bytes| SECRET_BYTES.contains(&bytes.len())) {
        return Ok(secret);
    }
    let detail = "a signing secret is whsec_ and the base64 of 24 to 64 random bytes; leave it out to have one made";
    Err(HubError::invalid("invalid_secret", "/secret", detail))
}

fn new_signing_secret() -> SecretString {
    format!("whsec_{}", STANDARD.encode(random::bytes::<32>())).into()
}

/// Refuses a name that another endpoint has.
async fn check_name(session: &mut Session, endpoint: &Endpoint) -> Result<(), HubError> {
    match endpoints::by_name(session, &endpoint.name).await? {
        Some(other) if other.id != endpoint.id => {
            let detail = format!("another endpoint is called {}", endpoint.name);
            Err(HubError::Conflict { code: "name_taken", detail })
        }
        _ => Ok(()),
    }
}

/// Writes an endpoint and the entry about it.
pub(super) async fn save(
    tx: &mut Tx,
    endpoint: &Endpoint,
    action: &str,
    now: Timestamp,
    actor: crate::audit::Actor,
) -> Result<(), HubError> {
    endpoints::put(tx.session(), endpoint, now).await?;
    let details = json!(EndpointView::new(endpoint));
    tx.record(&Entry { details, ..Entry::new(now, action, actor) })?;
    Ok(())
}

impl Hub {
    /// Creates an endpoint; the answer alone shows its signing secret.
    ///
    /// # Errors
    /// When the caller may not, the input cannot be meant, or the name is taken.
    pub async fn create_endpoint(
        &self,
        caller: &Principal,
        input: EndpointInput,
        key: Option<IdempotencyKey>,
    ) -> Result<WithSecret, HubError> {
        require(caller, &[Scope::Admin])?;
        let key = key.map(|key| Key { principal: caller.key(), operation: OPERATION, key: key.0 });
        let secret = input.secret.as_ref().map(|secret| secret.expose_secret());
        let body = Digest::of(format!("{input:?} {} {secret:?}", input.url.expose_secret()).as_bytes());
        let (now, actor) = (self.clock.now(), caller.actor());
        let endpoint = input.check(None, &self.targets, now)?;
        let saved = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(earlier) = replayed(tx.session(), key.as_ref(), body).await? {
                        return Ok(earlier);
                    }
                    check_name(tx.session(), &endpoint).await?;
                    save(tx, &endpoint, "endpoint.created", now, actor).await?;
                    if let Some(key) = key {
                        let used = Used { body, subject: endpoint.id.to_string() };
                        idempotency::remember(tx.session(), &key, &used, now);
                    }
                    Ok::<_, HubError>(endpoint)
                })
            })
            .await?;
        Ok(WithSecret::new(&saved))
    }

    /// One endpoint.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn endpoint(&self, caller: &Principal, id: EndpointId) -> Result<EndpointView, HubError> {
        require(caller, &[Scope::Auditor])?;
        let endpoint = endpoints::get(&mut self.store.read().await?, id).await?;
        Ok(EndpointView::new(&endpoint.ok_or(HubError::NotFound("endpoint"))?))
    }

    /// Endpoints, oldest first.
    ///
    /// # Errors
    /// When the caller may not see them, or the cursor is none of ours.
    pub async fn endpoints(
        &self,
        caller: &Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<EndpointView>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let after = cursor.map(parse_cursor).transpose()?;
        let found = endpoints::page(&mut self.store.read().await?, after, limit + 1).await?;
        let page = Page::cut(found, limit, |endpoint| endpoint.id.to_string());
        Ok(page.map(|endpoint| EndpointView::new(&endpoint)))
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// When the caller may not, there is none, or the change cannot be meant.
    pub async fn patch_endpoint(
        &self,
        caller: &Principal,
        id: EndpointId,
        patch: EndpointPatch,
    ) -> Result<EndpointView, HubError> {
        require(caller, &[Scope::Admin])?;
        if patch.state.is_some_and(|state| state != EndpointState::Active) {
            let detail = "state can only be set to active: delete an endpoint to stop sending to it";
            return Err(HubError::invalid("invalid_state", "/state", detail));
        }
        let (now, actor, targets) = (self.clock.now(), caller.actor(), self.targets.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = endpoints::get(tx.session(), id).await?.ok_or(HubError::NotFound("endpoint"))?;
                    let changed = patched(known, patch);
                    checked(&changed, &targets)?;
                    check_name(tx.session(), &changed).await?;
                    save(tx, &changed, "endpoint.updated", now, actor).await?;
                    Ok(EndpointView::new(&changed))
                })
            })
            .await
    }

    /// Takes an endpoint away; what waits for it is discarded.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn delete_endpoint(&self, caller: &Principal, id: EndpointId) -> Result<(), HubError> {
        require(caller, &[Scope::Admin])?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = endpoints::get(tx.session(), id).await?.ok_or(HubError::NotFound("endpoint"))?;
                    let gone = Endpoint { state: EndpointState::Deleted, disabled_reason: None, ..known };
                    save(tx, &gone, "endpoint.deleted", now, actor).await?;
                    deliveries::discard_waiting(tx.session(), id, "the endpoint was deleted", now).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn replayed(session: &mut Session, key: Option<&Key>, body: Digest) -> Result<Option<Endpoint>, HubError> {
    let Some(key) = key else { return Ok(None) };
    let Some(used) = idempotency::find(session, key).await? else { return Ok(None) };
    if used.body != body {
        let detail = "this Idempotency-Key was used with another body: use a new key for a new endpoint";
        return Err(HubError::Conflict { code: "idempotency_key_reused", detail: detail.to_owned() });
    }
    let id = used.subject.parse().map_err(|_| HubError::NotFound("endpoint"))?;
    endpoints::any_state(session, id).await?.map(Some).ok_or(HubError::NotFound("endpoint"))
}

fn patched(mut endpoint: Endpoint, patch: EndpointPatch) -> Endpoint {
    let EndpointPatch { name, url, events, resources, groups, state } = patch;
    if state.is_some() {
        (endpoint.state, endpoint.disabled_reason) = (EndpointState::Active, None);
    }
    Endpoint {
        name: name.unwrap_or(endpoint.name),
        url: url.unwrap_or(endpoint.url),
        events: events.unwrap_or(endpoint.events),
        resources: resources.unwrap_or(endpoint.resources),
        groups: groups.unwrap_or(endpoint.groups),
        ..endpoint
    }
}
