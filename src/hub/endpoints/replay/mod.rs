//! Replays: sending many ended deliveries of an endpoint again, at a limited rate. A replay is a row, so it continues
//! after a restart.

mod end;
mod worker;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::end::end;
pub use self::worker::run_replayer;
use super::deliveries::{endpoint_in_any_state, require_enabled};
use super::input::check_events;
use crate::approval::Digest;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::keyed_calls::{earlier_subject, remember};
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, KeyedCall, Page, require};
use crate::identity::{Principal, Right};
use crate::ids::{DeliveryId, EndpointId, ReplayId};
use crate::store::Signal;
use crate::store::deliveries::DeliveryState;
use crate::store::delivery_log::{self, Filter};
use crate::store::idempotency::Key;
use crate::store::replays::{self, Replay, ReplayState};
use crate::time::Timestamp;

const OPERATION: &str = "replay";
/// Default rate, in deliveries a second.
const RATE: u32 = 50;
/// Highest rate.
const MAX_RATE: u32 = 1_000;

/// The body of a replay: which deliveries to send again.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayInput {
    /// States in which they ended; `failed` when empty.
    pub states: BTreeSet<DeliveryState>,
    /// Kinds of events; empty for all.
    pub events: BTreeSet<String>,
    /// Created at or after.
    pub from: Option<Timestamp>,
    /// Created before.
    pub to: Option<Timestamp>,
    /// Only count them.
    pub dry_run: bool,
    pub rate_per_second: Option<u32>,
}

/// The answer to a replay call.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ReplayAnswer {
    /// The result of a dry run.
    Counted {
        /// Matching deliveries.
        matched: u64,
        /// Always `true`.
        dry_run: bool,
    },
    /// The replay, which continues in the background.
    Started(Box<Replay>),
}

impl ReplayInput {
    fn check(self) -> Result<(Filter, u32), HubError> {
        let Self { mut states, events, from, to, dry_run: _, rate_per_second } = self;
        if states.is_empty() {
            states.insert(DeliveryState::Failed);
        }
        if states.iter().any(|state| matches!(state, DeliveryState::Pending | DeliveryState::Leased)) {
            let detail =
                "only ended deliveries can be replayed: failed, expired, superseded, discarded, delivered, accepted";
            return Err(HubError::invalid(Code::InvalidState, "/states", detail));
        }
        check_events("/events", &events)?;
        if from.is_some_and(|from| to.is_some_and(|to| to <= from)) {
            return Err(HubError::invalid(Code::InvalidPeriod, "/to", "to must be after from"));
        }
        let rate = rate_per_second.unwrap_or(RATE);
        if !(1..=MAX_RATE).contains(&rate) {
            let detail = format!("rate_per_second must be between 1 and {MAX_RATE}");
            return Err(HubError::invalid(Code::InvalidRate, "/rate_per_second", detail));
        }
        Ok((Filter { states, events, from, to }, rate))
    }
}

impl Hub {
    /// Starts a replay of an endpoint's deliveries; in a dry run, only counts them.
    ///
    /// # Errors
    /// When the caller may not, there is no such endpoint, it is not active, or another replay of it is running.
    pub async fn replay(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        input: ReplayInput,
        key: Option<KeyedCall>,
    ) -> Result<ReplayAnswer, HubError> {
        require(caller, Right::Configure)?;
        let dry_run = input.dry_run;
        let (filter, rate_per_second) = input.check()?;
        let now = self.clock.now();
        // Deliveries created from now on have later ids, and are not part of the replay.
        let until = DeliveryId::mint(now);
        let matched = {
            let session = &mut self.store.read().await?;
            require_enabled(&endpoint_in_any_state(session, endpoint).await?)?;
            delivery_log::count(session, endpoint, &filter, until).await?
        };
        if dry_run {
            return Ok(ReplayAnswer::Counted { matched, dry_run });
        }
        let replay = Replay {
            id: ReplayId::mint(now),
            endpoint_id: endpoint,
            after: filter.begin(),
            filter,
            until,
            state: ReplayState::Running,
            rate_per_second,
            matched,
            replayed: 0,
            created_at: now,
            created_by: caller.name().to_owned(),
            step_at: Some(now),
            ended_at: None,
        };
        let key = key.map(|call| call.of(caller, OPERATION, &endpoint.to_string()));
        self.start(replay, caller.actor(), key).await.map(|replay| ReplayAnswer::Started(Box::new(replay)))
    }

    async fn start(&self, replay: Replay, actor: Actor, key: Option<(Key, Digest)>) -> Result<Replay, HubError> {
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let session = tx.session();
                    if let Some(earlier) = earlier_subject(session, key.as_ref()).await? {
                        let id = earlier.parse().map_err(|_| HubError::Missing("the replay of an idempotency key"))?;
                        return replays::get(session, id)
                            .await?
                            .ok_or(HubError::Missing("the replay of an idempotency key"));
                    }
                    require_enabled(&endpoint_in_any_state(session, replay.endpoint_id).await?)?;
                    if let Some(other) = replays::running(session, replay.endpoint_id).await? {
                        let detail =
                            format!("replay {} of this endpoint is running: wait for its end, or cancel it", other.id);
                        return Err(HubError::conflict(Code::ReplayRunning, detail));
                    }
                    replays::insert(session, &replay).await?;
                    remember(session, key, replay.id.to_string(), replay.created_at);
                    let details = json!({"replay": replay});
                    tx.record(&Entry { details, ..Entry::new(replay.created_at, "replay.started", actor) })?;
                    tx.signal(Signal::Replays);
                    Ok(replay)
                })
            })
            .await
    }

    /// Returns one replay.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn show_replay(&self, caller: &Principal, id: ReplayId) -> Result<Replay, HubError> {
        require(caller, Right::ReadConfiguration)?;
        replays::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("replay"))
    }

    /// Lists the replays of an endpoint, newest first.
    ///
    /// # Errors
    /// When the caller may not see them, there is no such endpoint, or the cursor is invalid.
    pub async fn replays(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Replay>, HubError> {
        require(caller, Right::ReadConfiguration)?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        endpoint_in_any_state(session, endpoint).await?;
        let found = replays::of_endpoint(session, endpoint, before, limit + 1).await?;
        Ok(Page::cut(found, limit, |replay| replay.id.to_string()))
    }

    /// Cancels a running replay. Deliveries that it has reopened are still sent; an ended replay stays unchanged.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn cancel_replay(&self, caller: &Principal, id: ReplayId) -> Result<Replay, HubError> {
        require(caller, Right::Configure)?;
        let (now, actor) = (self.clock.now(), caller.actor());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let mut replay = replays::get(tx.session(), id).await?.ok_or(HubError::NotFound("replay"))?;
                    if replay.state == ReplayState::Running {
                        end(tx, &mut replay, ReplayState::Cancelled, None, actor, now).await?;
                    }
                    Ok(replay)
                })
            })
            .await
    }
}
