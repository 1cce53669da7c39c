//! Whether the replicas on one database sign links with the same keys. Where they do not, a link that one has made is refused as
//! forged by the others, by chance and without a word.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::random;
use crate::store::replicas::{self, Replica};
use crate::store::{StoreError, Tx};
use crate::time::Timestamp;

/// How often a replica says that it runs, and looks at the others.
const LOOK: Duration = Duration::from_secs(60);
/// One that has said nothing for so long runs no more.
const ALIVE: Duration = Duration::from_secs(180);
/// How long a new key may take to reach all replicas.
const ROTATION: Duration = Duration::from_secs(600);

/// What was found about the keys of others.
#[derive(Debug, Default)]
pub(super) struct KeyCheck(Mutex<Option<Difference>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    /// The number of the key that this replica lacks.
    key: String,
    /// Since when.
    since: Timestamp,
    /// Whether the replicas share another key: then a new one is on its way, most likely.
    is_rotation: bool,
}

impl KeyCheck {
    /// What is wrong with the keys at `now`, if anything is.
    pub(super) fn problem(&self, now: Timestamp) -> Option<String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Difference { key, since, is_rotation } = found.as_ref()?;
        if *is_rotation && now.since(*since) < ROTATION {
            return None;
        }
        Some(format!(
            "another replica on this database signs links with a key {key} that this one does not have, so links of one are \
             refused by the other: give all replicas the same keys.json"
        ))
    }

    /// Compares this replica's keys with those of others.
    fn compare(&self, own: &[String], others: &[Replica], now: Timestamp) {
        let unknown = others.iter().find_map(|other| {
            let signing = other.keys.first().filter(|signing| !own.contains(signing))?;
            let is_rotation = other.keys.iter().any(|key| own.contains(key));
            Some((signing.split(':').next().unwrap_or_default().to_owned(), is_rotation))
        });
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = unknown.map(|(key, is_rotation)| {
            let since = known.as_ref().filter(|known| known.key == key).map_or(now, |known| known.since);
            Difference { key, since, is_rotation }
        });
    }
}

/// Says that this replica runs, and compares keys, until told to stop. On SQLite no other can run.
pub async fn run_key_check(hub: Arc<Hub>, stop: CancellationToken) {
    if hub.store.is_exclusive() {
        return;
    }
    let id = hex::encode(random::bytes::<16>());
    let mut was = None;
    while !stop.is_cancelled() {
        if let Err(error) = check(&hub, &id).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot compare keys with other replicas");
        }
        let problem = hub.key_check.problem(hub.clock.now());
        if let Some(problem) = problem.as_ref().filter(|_| problem != was) {
            tracing::error!("{problem}");
        }
        was = problem;
        tokio::select! {
            () = stop.cancelled() => {}
            () = hub.clock.sleep_until(hub.clock.now() + LOOK, LOOK) => {}
        }
    }
    let before = hub.clock.now() - ALIVE;
    let ended =
        hub.store.write(move |tx: &mut Tx| Box::pin(async move { replicas::forget(tx.session(), &id, before).await }));
    if let Err(error) = ended.await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "others learn by its silence that this replica has ended"
        );
    }
}

async fn check(hub: &Hub, id: &str) -> Result<(), StoreError> {
    let now = hub.clock.now();
    let own = Replica { id: id.to_owned(), keys: hub.keys.fingerprints() };
    let (keys, id) = (own.keys.clone(), own.id.clone());
    hub.store.write(move |tx: &mut Tx| Box::pin(async move { replicas::put(tx.session(), &own, now).await })).await?;
    let others = replicas::others(&mut hub.store.read().await?, &id, now - ALIVE).await?;
    hub.key_check.compare(&keys, &others, now);
    Ok(())
}
