//! Carries replays on: a bounded step at a time, each judged anew inside the writer. So a replay is the same however often the hub
//! is restarted, and whichever replica takes its next step.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::deliveries::{ever_known, why_off};
use super::end::end;
use crate::audit::Actor;
use crate::hub::{Hub, HubError};
use crate::ids::{DeliveryId, ReplayId};
use crate::store::deliveries::{self, Delivery};
use crate::store::replays::{self, Replay, ReplayState};
use crate::store::{Signal, Tx, delivery_log};
use crate::time::{CLOCK_SLACK, SharedClock, Timestamp};

/// Deliveries that one step makes anew, at most.
const BATCH: u32 = 200;
/// Deliveries that one step looks at.
const PART: u32 = 1_000;
/// Replays carried on before looking for more.
const MANY: u32 = 64;
/// How often the worker looks for itself: another replica may have left something.
const LOOK: Duration = Duration::from_secs(5);
/// As far ahead as a step may lie: a part at the slowest rate. What lies further was put there before the clock was put back.
const FARTHEST: Duration = Duration::from_secs(BATCH as u64).saturating_add(CLOCK_SLACK);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Carries replays on until told to stop.
pub async fn run_replayer(hub: Arc<Hub>, stop: CancellationToken) {
    loop {
        let wake = hub.carry_replays_on().await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot carry replays on");
            hub.clock.now() + RETRY
        });
        tokio::select! {
            () = stop.cancelled() => return,
            () = hub.clock.sleep_until(wake, LOOK) => {}
            () = hub.store.signals().replays() => {}
        }
    }
}

impl Hub {
    /// Takes the steps that are due; answers when the next ones are.
    async fn carry_replays_on(&self) -> Result<Timestamp, HubError> {
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
                // One that cannot go on must not keep the others from it.
                Err(error) => self.put_replay_off(id, &error).await?,
            }
        }
        let look = self.clock.now() + LOOK;
        let next = replays::next(&mut self.store.read().await?).await?;
        Ok(next.map_or(look, |next| next.min(look)))
    }

    async fn put_replay_off(&self, id: ReplayId, error: &HubError) -> Result<(), HubError> {
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

/// Takes the next step, unless another replica was faster or the replay has ended meanwhile.
async fn step(tx: &mut Tx, id: ReplayId, clock: &SharedClock) -> Result<(), HubError> {
    let now = clock.now();
    let Some(mut replay) = replays::get(tx.session(), id).await? else { return Ok(()) };
    if replay.step_at.is_none_or(|at| at > now && at <= now + FARTHEST) {
        return Ok(());
    }
    if let Some(why) = why_off(&ever_known(tx.session(), replay.endpoint_id).await?) {
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

/// The next ones that match, no more than one step may make anew; and the last that was looked at for them.
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

/// How long to wait after so many.
fn pace(replay: &Replay, made: u64) -> Duration {
    Duration::from_secs(made) / replay.rate_per_second.max(1)
}
