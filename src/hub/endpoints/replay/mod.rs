//! Replays: many deliveries of an endpoint are made anew, at a pace. A replay is a row, so it goes on after a restart.

mod end;
mod worker;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::end::end;
pub use self::worker::run_replayer;
use super::deliveries::{ever_known, must_be_on};
use super::input::check_events;
use super::keyed::{remember, replayed};
use crate::approval::Digest;
use crate::audit::{Actor, Entry};
use crate::codes::Code;
use crate::hub::page::parse_cursor;
use crate::hub::{Hub, HubError, KeyedCall, Page, require};
use crate::identity::{Principal, Scope};
use crate::ids::{DeliveryId, EndpointId, ReplayId};
use crate::store::Signal;
use crate::store::deliveries::DeliveryState;
use crate::store::delivery_log::{self, Filter};
use crate::store::idempotency::Key;
use crate::store::replays::{self, Replay, ReplayState};
use crate::time::Timestamp;

const OPERATION: &str = "replay";
/// Deliveries a second, unless said otherwise.
const RATE: u32 = 50;
/// Most deliveries a second.
const MAX_RATE: u32 = 1_000;

/// What to send again.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayInput {
    /// How they ended; `failed` alone when empty.
    pub states: BTreeSet<DeliveryState>,
    /// What they tell of; empty for all.
    pub events: BTreeSet<String>,
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
    /// Only say how many that are.
    pub dry_run: bool,
    /// How many a second.
    pub rate_per_second: Option<u32>,
}

/// What became of the wish.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Replayed {
    /// Nothing: it was a dry run.
    Counted {
        /// How many deliveries match.
        matched: u64,
        /// Yes.
        dry_run: bool,
    },
    /// A replay, which goes on by itself.
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
                "only what has ended can be sent again: failed, expired, superseded, discarded, delivered, accepted";
            return Err(HubError::invalid(Code::InvalidState, "/states", detail));
        }
        check_events("/events", &events)?;
        if from.is_some_and(|from| to.is_some_and(|to| to <= from)) {
            return Err(HubError::invalid(
                Code::InvalidPeriod,
                "/to",
                "to lies before from: nothing lies between them",
            ));
        }
        let rate = rate_per_second.unwrap_or(RATE);
        if !(1..=MAX_RATE).contains(&rate) {
            let detail = format!("1 to {MAX_RATE} deliveries a second can be made anew");
            return Err(HubError::invalid(Code::InvalidRate, "/rate_per_second", detail));
        }
        Ok((Filter { states, events, from, to }, rate))
    }
}

impl Hub {
    /// Sends again what an endpoint was to be sent; or, in a dry run, says how much that would be.
    ///
    /// # Errors
    /// When the caller may not, there is no such endpoint, it can be sent nothing, or another replay of it goes on.
    pub async fn replay(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        input: ReplayInput,
        key: Option<KeyedCall>,
    ) -> Result<Replayed, HubError> {
        require(caller, &[Scope::Admin])?;
        let dry_run = input.dry_run;
        let (filter, rate_per_second) = input.check()?;
        let now = self.clock.now();
        // Whatever is made from now on comes behind it.
        let until = DeliveryId::mint(now);
        let matched = {
            let session = &mut self.store.read().await?;
            must_be_on(&ever_known(session, endpoint).await?)?;
            delivery_log::count(session, endpoint, &filter, until).await?
        };
        if dry_run {
            return Ok(Replayed::Counted { matched, dry_run });
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
        self.start(replay, caller.actor(), key).await.map(|replay| Replayed::Started(Box::new(replay)))
    }

    async fn start(&self, replay: Replay, actor: Actor, key: Option<(Key, Digest)>) -> Result<Replay, HubError> {
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let session = tx.session();
                    if let Some(earlier) = replayed(session, key.as_ref()).await? {
                        let id = earlier.parse().map_err(|_| HubError::Missing("the replay of an idempotency key"))?;
                        return replays::get(session, id)
                            .await?
                            .ok_or(HubError::Missing("the replay of an idempotency key"));
                    }
                    must_be_on(&ever_known(session, replay.endpoint_id).await?)?;
                    if let Some(other) = replays::running(session, replay.endpoint_id).await? {
                        let detail = format!("{} of this endpoint goes on: wait for its end, or cancel it", other.id);
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

    /// One replay.
    ///
    /// # Errors
    /// When the caller may not see it or there is none.
    pub async fn show_replay(&self, caller: &Principal, id: ReplayId) -> Result<Replay, HubError> {
        require(caller, &[Scope::Auditor])?;
        replays::get(&mut self.store.read().await?, id).await?.ok_or(HubError::NotFound("replay"))
    }

    /// The replays of an endpoint, newest first.
    ///
    /// # Errors
    /// When the caller may not see them, there is no such endpoint, or the cursor is none of ours.
    pub async fn replays(
        &self,
        caller: &Principal,
        endpoint: EndpointId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Replay>, HubError> {
        require(caller, &[Scope::Auditor])?;
        let before = cursor.map(parse_cursor).transpose()?;
        let session = &mut self.store.read().await?;
        ever_known(session, endpoint).await?;
        let found = replays::of_endpoint(session, endpoint, before, limit + 1).await?;
        Ok(Page::cut(found, limit, |replay| replay.id.to_string()))
    }

    /// Ends a replay before it has come to its end. What it has made anew is sent all the same; one that has ended stays as it is.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn cancel_replay(&self, caller: &Principal, id: ReplayId) -> Result<Replay, HubError> {
        require(caller, &[Scope::Admin])?;
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
