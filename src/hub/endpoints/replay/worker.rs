//! Runs replays in bounded steps. Every step reads its replay again inside the writer, so the result does not depend on
//! restarts, nor on which replica runs a step.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::deliveries::{endpoint_in_any_state, why_disabled};
use super::end::end;
use crate::audit::Actor;
use crate::hub::{Hub, HubError};
use crate::ids::{DeliveryId, ReplayId};
use crate::store::deliveries::{self, Delivery};
use crate::store::replays::{self, Replay, ReplayState};
use crate::store::{Signal, Tx, delivery_log};
use crate::time::{CLOCK_SLACK, SharedClock, Timestamp};

/// Most deliveries that one step reopens.
const BATCH: u32 = 200;
/// Deliveries that one step reads.
const PART: u32 = 1_000;
/// Most replays per poll.
const MANY: u32 = 64;
/// Longest pause between polls: another replica may have stopped in the middle of a replay.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Longest time until the next step: a batch at the slowest rate. A later time is from before the clock was set back.
const FARTHEST: Duration = Duration::from_secs(BATCH as u64).saturating_add(CLOCK_SLACK);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Runs replays until `stop`.
pub async fn run_replayer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let wake = hub.run_due_replays().await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "the replay worker failed and will retry");
            hub.clock.now() + RETRY
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake, POLL_INTERVAL) => {}
            () = hub.store.signals().replays() => {}
        }
    }
}

impl Hub {
    /// Runs the steps that are due, and returns the time of the next poll.
    async fn run_due_replays(&self) -> Result<Timestamp, HubError> {
        let due = {
            let now = self.clock.now();
            replays::due(&mut self.store.read().await?, now, now + FARTHEST, MANY).await?
        };
        for id in due {
            let clock = Arc::clone(&self.clock);
            let stepped = self.store.write(move |tx| Box::pin(async move { step(tx, id, &clock).await })).await;
            match stepped {
                Ok(()) => self.replay_retries.worked(&id),
                Err(error) if error.is_transient() => return Err(error),
                // A failing replay must not block the others.
                Err(error) => self.postpone_replay(id, &error).await?,
            }
        }
        let latest = self.clock.now() + POLL_INTERVAL;
        let next = replays::next(&mut self.store.read().await?).await?;
        Ok(next.map_or(latest, |next| next.min(latest)))
    }

    async fn postpone_replay(&self, id: ReplayId, error: &HubError) -> Result<(), HubError> {
        let noted = self.replay_retries.failed(id, self.clock.now());
        if noted.is_logged {
            let (times, next, error) = (noted.times, noted.next, error as &dyn std::error::Error);
            tracing::error!(replay = %id, times, %next, error, "a step failed");
        }
        self.store
            .write(move |tx| Box::pin(async move { Ok(replays::put_off(tx.session(), id, noted.next).await?) }))
            .await
    }
}

/// Runs the next step, unless another replica was faster or the replay has ended meanwhile.
async fn step(tx: &mut Tx, id: ReplayId, clock: &SharedClock) -> Result<(), HubError> {
    let now = clock.now();
    let Some(mut replay) = replays::get(tx.session(), id).await? else { return Ok(()) };
    if replay.step_at.is_none_or(|at| at > now && at <= now + FARTHEST) {
        return Ok(());
    }
    if let Some(why) = why_disabled(&endpoint_in_any_state(tx.session(), replay.endpoint_id).await?) {
        return end(tx, &mut replay, ReplayState::Cancelled, Some(why), Actor::Hub, now).await;
    }
    let Replay { endpoint_id, filter, after, until, .. } = &replay;
    let part = delivery_log::walk(tx.session(), *endpoint_id, filter, after, *until, PART).await?;
    let (chosen, last) = choose(&replay, &part);
    let made = deliveries::reopen(tx.session(), &chosen, now).await?;
    if made > 0 {
        tx.signal(Signal::Deliveries);
    }
    replay.replayed += made;
    if part.len() < PART as usize && last == part.last().map(|delivery| delivery.id) {
        return end(tx, &mut replay, ReplayState::Finished, None, Actor::Hub, now).await;
    }
    if let Some(last) = last {
        replay.after = last.to_string();
    }
    replay.step_at = Some(now + pace(&replay, made));
    replays::advance(tx.session(), &replay).await?;
    Ok(())
}

/// The next matching deliveries, at most a batch, and the last delivery that was examined.
fn choose(replay: &Replay, part: &[Delivery]) -> (Vec<DeliveryId>, Option<DeliveryId>) {
    let most = replay.rate_per_second.min(BATCH) as usize;
    let (mut chosen, mut last) = (Vec::new(), None);
    for delivery in part {
        if chosen.len() == most {
            break;
        }
        last = Some(delivery.id);
        if replay.filter.matches(delivery) {
            chosen.push(delivery.id);
        }
    }
    (chosen, last)
}

/// The pause after a step that reopened `made` deliveries, by the replay's rate.
fn pace(replay: &Replay, made: u64) -> Duration {
    Duration::from_secs(made) / replay.rate_per_second.max(1)
}
