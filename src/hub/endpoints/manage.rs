//! Creates, reads, lists, changes and deletes endpoints.

use std::collections::HashMap;

use serde_json::json;

use super::input::{EndpointInput, EndpointPatch};
use super::save::{check_app_count, check_name, clear_health_if_enabled, save};
use super::view::{EndpointStatus, EndpointView, HealthView, TemplateProblemView, WithSecret};
use crate::audit::Entry;
use crate::codes::Code;
use crate::hub::keyed_calls::{earlier_subject, remember};
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, KeyedCall, Page, require};
use crate::identity::{Principal, Right};
use crate::ids::EndpointId;
use crate::store::endpoints::{Endpoint, EndpointState};
use crate::store::{Session, StoreError, applied, endpoints, health, template_problems, templates};

const OPERATION: &str = "endpoint";

impl Hub {
    /// Creates an endpoint; only this answer contains its signing secret.
    ///
    /// # Errors
    /// When the caller may not, the input is invalid, or the name is taken.
    pub async fn create_endpoint(
        &self,
        caller: &Principal,
        input: EndpointInput,
        key: Option<KeyedCall>,
    ) -> Result<WithSecret, HubError> {
        require(caller, Right::Configure)?;
        let key = key.map(|call| call.of(caller, OPERATION, ""));
        let (now, actor) = (self.clock.now(), caller.actor());
        let endpoint = input.check(None, &self.targets, now)?;
        let saved = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(earlier) = earlier_subject(tx.session(), key.as_ref()).await? {
                        return made_earlier(tx.session(), &earlier).await;
                    }
                    check_name(tx.session(), &endpoint).await?;
                    check_app_count(tx.session(), &endpoint).await?;
                    let endpoint = save(tx, endpoint, "endpoint.created", now, actor).await?;
                    remember(tx.session(), key, endpoint.id.to_string(), now);
                    Ok::<_, HubError>(endpoint)
                })
            })
            .await?;
        Ok(WithSecret::new(&saved))
    }

    /// Returns one endpoint.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn endpoint(&self, caller: &Principal, id: EndpointId) -> Result<EndpointStatus, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let session = &mut self.store.read().await?;
        let endpoint = endpoints::get(session, id).await?;
        self.with_status(session, endpoint.as_slice()).await?.pop().ok_or(HubError::NotFound("endpoint"))
    }

    /// Lists endpoints, oldest first.
    ///
    /// # Errors
    /// When the caller may not see them, or the cursor is invalid.
    pub async fn endpoints(
        &self,
        caller: &Principal,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<EndpointStatus>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let after = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        let found = endpoints::page(session, after, limit + 1).await?;
        let page = Page::cut(found, limit, |endpoint| endpoint.id.to_string());
        Ok(Page { items: self.with_status(session, &page.items).await?, next_cursor: page.next_cursor })
    }

    /// Adds their status to endpoints, which are ordered by id: one query of each table and one of the scheduler for
    /// all of them.
    pub(super) async fn with_status(
        &self,
        session: &mut Session,
        endpoints: &[Endpoint],
    ) -> Result<Vec<EndpointStatus>, HubError> {
        let (Some(first), Some(last)) = (endpoints.first(), endpoints.last()) else { return Ok(Vec::new()) };
        let mut failing: HashMap<_, _> = health::between(session, first.id, last.id).await?.into_iter().collect();
        // If there are several of one endpoint, the last one wins: it is the newest.
        let mut problems: HashMap<_, _> =
            template_problems::between(session, first.id, last.id).await?.into_iter().collect();
        let ids: Vec<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        let held = self.launcher.held(&ids);
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
    /// When the caller may not, there is none, or the change is invalid.
    pub async fn patch_endpoint(
        &self,
        caller: &Principal,
        id: EndpointId,
        patch: EndpointPatch,
    ) -> Result<EndpointView, HubError> {
        require(caller, Right::Configure)?;
        if patch.state.flatten().is_some_and(|state| state != EndpointState::Active) {
            let detail = "state can only be set to active: delete an endpoint to stop sending to it";
            return Err(HubError::invalid(Code::InvalidState, "/state", detail));
        }
        let (now, actor, targets) = (self.clock.now(), caller.actor(), self.targets.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = endpoints::get(tx.session(), id).await?.ok_or(HubError::NotFound("endpoint"))?;
                    let was = known.state;
                    let changed = patch.check(known, &targets)?;
                    clear_health_if_enabled(tx.session(), was, &changed).await?;
                    check_name(tx.session(), &changed).await?;
                    check_app_count(tx.session(), &changed).await?;
                    Ok(EndpointView::new(&save(tx, changed, "endpoint.updated", now, actor).await?))
                })
            })
            .await
    }

    /// Deletes an endpoint; its pending deliveries are discarded soon.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn delete_endpoint(&self, caller: &Principal, id: EndpointId) -> Result<(), HubError> {
        require(caller, Right::Configure)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    match endpoints::get(tx.session(), id).await {
                        Ok(known) => {
                            let known = known.ok_or(HubError::NotFound("endpoint"))?;
                            applied::forget(tx.session(), "endpoint", known.name.as_str()).await?;
                            let gone = Endpoint { state: EndpointState::Deleted, disabled_reason: None, ..known };
                            save(tx, gone, "endpoint.deleted", now, actor).await?;
                        }
                        Err(StoreError::Inconsistent { .. }) => {
                            endpoints::delete_unread(tx.session(), id, now).await?;
                            let details = json!({"id": id, "unreadable": true});
                            tx.record(&Entry { details, ..Entry::new(now, "endpoint.deleted", actor) })?;
                        }
                        Err(error) => return Err(error.into()),
                    }
                    templates::forget_endpoint(tx.session(), id).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn made_earlier(session: &mut Session, id: &str) -> Result<Endpoint, HubError> {
    let id = id.parse().map_err(|_| HubError::Missing("the endpoint of an idempotency key"))?;
    endpoints::any_state(session, id).await?.ok_or(HubError::Missing("the endpoint of an idempotency key"))
}
