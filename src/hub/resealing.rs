//! Seals stored secrets again that are in clear, as earlier versions left them, or under an older key.
//!
//! A walk over the endpoints, some at a time, after each start and each change of the key that seals. The rows themselves
//! say what is left to do, so any replica goes on where another one was killed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Hub;
use super::sealing::settle_sealing;
use crate::sealing::KeyId;
use crate::store::secrets::{self, Resealed};
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

/// How often to look whether the file of the keys was read again.
const WAKE: Duration = Duration::from_secs(5);
/// How often to decide again which key seals.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// How soon to walk again after a walk with work: until another replica has polled, it may still use the key before.
const AGAIN: Duration = Duration::from_secs(180);
/// How soon to walk again after a walk that found nothing.
const IDLE: Duration = Duration::from_secs(3_600);
/// Endpoints in a transaction.
const PART: u32 = 500;

/// The state of this replica's walk.
#[derive(Default)]
struct Walk {
    /// The generation of the keys that was used last.
    generation: u64,
    /// When to decide again which key seals.
    decide_at: Timestamp,
    /// The key of the walk.
    key: Option<KeyId>,
    /// When the next walk begins.
    begin_at: Timestamp,
    /// The last endpoint of the walk under way.
    after: Option<String>,
    done: Resealed,
    reported: Option<String>,
}

/// Decides which key seals, and seals what is left, until `stop`.
pub async fn run_sealing(hub: Arc<Hub>, stop: CancellationToken) {
    let mut walk = Walk { generation: hub.store.secrets().generation(), ..Walk::default() };
    while !stop.is_cancelled() {
        if let Err(error) = walk.round(&hub, &stop).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot seal stored secrets now: trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = hub.clock.sleep_until(hub.clock.now() + WAKE, WAKE) => {}
        }
    }
}

impl Walk {
    async fn round(&mut self, hub: &Hub, stop: &CancellationToken) -> Result<(), StoreError> {
        let now = hub.clock.now();
        if self.has_other_keys(hub) || now >= self.decide_at {
            let finding = settle_sealing(&hub.store, now, false).await?;
            // They may have been replaced meanwhile, and were used for this decision then.
            self.has_other_keys(hub);
            hub.sealing_check.note(finding, now);
            self.decide_at = now + POLL_INTERVAL;
        }
        self.report(hub.sealing_check.problem(now));
        let Some(key) = hub.store.secrets().sealing().filter(|key| hub.store.secrets().ids().contains(key)) else {
            return Ok(());
        };
        if self.key.replace(key) != Some(key) {
            (self.begin_at, self.after, self.done) = (now, None, Resealed::default());
        }
        if now < self.begin_at {
            return Ok(());
        }
        while !stop.is_cancelled() {
            if !self.step(hub).await? {
                self.finish(key, now);
                break;
            }
        }
        Ok(())
    }

    /// Whether the keys were replaced since the last call.
    fn has_other_keys(&mut self, hub: &Hub) -> bool {
        let generation = hub.store.secrets().generation();
        std::mem::replace(&mut self.generation, generation) != generation
    }

    /// Seals one part; returns whether there is another one.
    async fn step(&mut self, hub: &Hub) -> Result<bool, StoreError> {
        let after = self.after.clone().unwrap_or_default();
        let part = secrets::part(&mut hub.store.read().await?, &after, PART).await?;
        if !part.stale.is_empty() {
            let written = hub
                .store
                .write(move |tx: &mut Tx| Box::pin(async move { secrets::reseal(tx.session(), &part.stale).await }));
            let Resealed { sealed, unreadable } = written.await?;
            self.done.sealed += sealed;
            self.done.unreadable += unreadable;
            tracing::info!(endpoints = self.done.sealed, "sealing stored secrets");
        }
        let is_last = part.last.is_none();
        self.after = part.last;
        Ok(!is_last)
    }

    fn finish(&mut self, key: KeyId, now: Timestamp) {
        let Resealed { sealed, unreadable } = std::mem::take(&mut self.done);
        if sealed > 0 {
            tracing::info!(%key, endpoints = sealed, "stored secrets were sealed with this key");
        }
        if unreadable > 0 {
            tracing::error!(
                endpoints = unreadable,
                "some secrets cannot be opened: their endpoints get no messages until the key that sealed them is in secrets.key"
            );
        }
        self.begin_at = now + if sealed > 0 { AGAIN } else { IDLE };
    }

    fn report(&mut self, problem: Option<String>) {
        if let Some(problem) = problem.as_ref().filter(|_| problem != self.reported) {
            tracing::error!("{problem}");
        }
        self.reported = problem;
    }
}
