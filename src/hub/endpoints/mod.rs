//! Endpoints: where notifications go.

mod deliveries;
mod input;
mod life;
mod replay;
mod sample;
mod slack;
mod trial;
mod view;
mod wrapping;

use std::collections::{HashMap, HashSet};

use serde_json::json;

pub use self::deliveries::DeliveryDetail;
pub(in crate::hub) use self::input::check_events;
pub use self::input::{EndpointInput, EndpointPatch};
pub use self::life::{RotateInput, RotateLinksInput};
pub use self::replay::{ReplayInput, Replayed, run_replayer};
pub use self::slack::{SlackInput, SlackPatch, SlackView};
pub use self::trial::TestInput;
pub use self::view::{
    AuthView, CertificateView, EndpointStatus, EndpointView, HealthView, RetiringView, TemplateProblemView, WithSecret,
};
use crate::approval::Digest;
use crate::audit::Entry;
use crate::hub::page::parse_cursor;
use crate::hub::slack::MAX_SECRETS;
use crate::hub::{Hub, HubError, KeyedCall, Page, require};
use crate::identity::{Principal, Scope};
use crate::ids::EndpointId;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::idempotency::{Key, Used};
use crate::store::{Session, Tx, endpoints, health, heartbeats, idempotency, template_problems, templates};
use crate::time::Timestamp;

const OPERATION: &str = "endpoint";

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

/// Refuses the Slack app with one signing secret more than a call from Slack is held against: it would never be heard.
pub(super) async fn check_apps(session: &mut Session, endpoint: &Endpoint) -> Result<(), HubError> {
    let secret = |endpoint: &Endpoint| {
        endpoint.transport.slack.as_ref().map(|app| Digest::of(app.signing_secret.expose().as_bytes()))
    };
    let Some(own) = secret(endpoint) else { return Ok(()) };
    let others = endpoints::all(session).await?;
    let others: HashSet<Digest> = others.iter().filter(|other| other.id != endpoint.id).filter_map(secret).collect();
    if others.len() >= MAX_SECRETS && !others.contains(&own) {
        let detail =
            format!("{MAX_SECRETS} Slack apps are the most: delete the endpoints of one, or use one of the apps");
        return Err(HubError::invalid("too_many", "/slack/signing_secret", detail));
    }
    Ok(())
}

/// Writes an endpoint and the entry about it; signing secrets whose time is over go. Answers it as it is written.
pub(super) async fn save(
    tx: &mut Tx,
    mut endpoint: Endpoint,
    action: &str,
    now: Timestamp,
    actor: crate::audit::Actor,
) -> Result<Endpoint, HubError> {
    endpoint.retiring.retain(|old| old.until > now);
    endpoints::put(tx.session(), &endpoint, now).await?;
    heartbeats::follow(tx.session(), &endpoint, now).await?;
    let details = json!(EndpointView::new(&endpoint));
    tx.record(&Entry { details, ..Entry::new(now, action, actor) })?;
    Ok(endpoint)
}

/// Forgets how an endpoint fared before somebody switched it on again: it starts anew.
pub(super) async fn switched_on(session: &mut Session, was: EndpointState, now: &Endpoint) -> Result<(), HubError> {
    if was == EndpointState::Disabled && now.state == EndpointState::Active {
        health::clear(session, now.id).await?;
    }
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
        key: Option<KeyedCall>,
    ) -> Result<WithSecret, HubError> {
        require(caller, &[Scope::Admin])?;
        let key = key.map(|call| call.of(caller, OPERATION, ""));
        let (now, actor) = (self.clock.now(), caller.actor());
        let endpoint = input.check(None, &self.targets, now)?;
        let saved = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(earlier) = replayed(tx.session(), key.as_ref()).await? {
                        return made_earlier(tx.session(), &earlier).await;
                    }
                    check_name(tx.session(), &endpoint).await?;
                    check_apps(tx.session(), &endpoint).await?;
                    let endpoint = save(tx, endpoint, "endpoint.created", now, actor).await?;
                    remember(tx.session(), key, endpoint.id.to_string(), now);
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
    pub async fn endpoint(&self, caller: &Principal, id: EndpointId) -> Result<EndpointStatus, HubError> {
        require(caller, &[Scope::Auditor])?;
        let session = &mut self.store.read().await?;
        let endpoint = endpoints::get(session, id).await?;
        self.with_status(session, endpoint.as_slice()).await?.pop().ok_or(HubError::NotFound("endpoint"))
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
    ) -> Result<Page<EndpointStatus>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let after = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        let found = endpoints::page(session, after, limit + 1).await?;
        let page = Page::cut(found, limit, |endpoint| endpoint.id.to_string());
        Ok(Page { items: self.with_status(session, &page.items).await?, next_cursor: page.next_cursor })
    }

    /// Endpoints in the order of their ids, with how they fare: one look at the database and one at the board for all of them.
    async fn with_status(
        &self,
        session: &mut Session,
        endpoints: &[Endpoint],
    ) -> Result<Vec<EndpointStatus>, HubError> {
        let (Some(first), Some(last)) = (endpoints.first(), endpoints.last()) else { return Ok(Vec::new()) };
        let mut failing: HashMap<_, _> = health::between(session, first.id, last.id).await?.into_iter().collect();
        // Of several the newest, which comes last.
        let mut problems: HashMap<_, _> =
            template_problems::between(session, first.id, last.id).await?.into_iter().collect();
        let ids: Vec<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        let held = self.dispatcher.held(&ids);
        let status = |endpoint: &Endpoint| EndpointStatus {
            endpoint: EndpointView::new(endpoint),
            health: failing.remove(&endpoint.id).map(HealthView::from),
            held: held.get(&endpoint.id).copied(),
            template_problem: problems.remove(&endpoint.id).map(TemplateProblemView::from),
        };
        Ok(endpoints.iter().map(status).collect())
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
        if patch.state.flatten().is_some_and(|state| state != EndpointState::Active) {
            let detail = "state can only be set to active: delete an endpoint to stop sending to it";
            return Err(HubError::invalid("invalid_state", "/state", detail));
        }
        let (now, actor, targets) = (self.clock.now(), caller.actor(), self.targets.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = endpoints::get(tx.session(), id).await?.ok_or(HubError::NotFound("endpoint"))?;
                    let was = known.state;
                    let changed = patch.check(known, &targets)?;
                    switched_on(tx.session(), was, &changed).await?;
                    check_name(tx.session(), &changed).await?;
                    check_apps(tx.session(), &changed).await?;
                    Ok(EndpointView::new(&save(tx, changed, "endpoint.updated", now, actor).await?))
                })
            })
            .await
    }

    /// Takes an endpoint away; what waits for it is discarded soon.
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
                    save(tx, gone, "endpoint.deleted", now, actor).await?;
                    templates::forget_endpoint(tx.session(), id).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// What was made when the same key came with the same body before.
pub(super) async fn replayed(session: &mut Session, key: Option<&(Key, Digest)>) -> Result<Option<String>, HubError> {
    let Some((key, body)) = key else { return Ok(None) };
    let Some(used) = idempotency::find(session, key).await? else { return Ok(None) };
    if used.body != *body {
        let detail = "this Idempotency-Key was used with another body: use a new key for a new call";
        return Err(HubError::conflict("idempotency_key_reused", detail));
    }
    Ok(Some(used.subject))
}

/// Remembers what was made with a key, if there is one.
pub(super) fn remember(session: &mut Session, key: Option<(Key, Digest)>, subject: String, now: Timestamp) {
    if let Some((key, body)) = key {
        idempotency::remember(session, &key, &Used { body, subject }, now);
    }
}

async fn made_earlier(session: &mut Session, id: &str) -> Result<Endpoint, HubError> {
    let id = id.parse().map_err(|_| HubError::NotFound("endpoint"))?;
    endpoints::any_state(session, id).await?.ok_or(HubError::NotFound("endpoint"))
}
