//! Checks that the replicas on one database sign links with the same keys. If they do not, a link from one replica is
//! rejected as forged whenever the load balancer sends it to another, and nothing else would report why.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Hub;
use super::sealing::ALIVE;
use crate::random;
use crate::store::replicas::{self, Replica};
use crate::store::{StoreError, Tx};

/// How often a replica registers itself and reads the others.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Registers this replica and compares keys until `stop`. On SQLite there is only one replica, so it returns at once.
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
            () = hub.clock.sleep_until(hub.clock.now() + POLL_INTERVAL, POLL_INTERVAL) => {}
        }
    }
    let before = hub.clock.now() - ALIVE;
    let ended =
        hub.store.write(move |tx: &mut Tx| Box::pin(async move { replicas::forget(tx.session(), &id, before).await }));
    if let Err(error) = ended.await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "cannot unregister this replica: its registration expires instead"
        );
    }
}

async fn check(hub: &Hub, id: &str) -> Result<(), StoreError> {
    let now = hub.clock.now();
    let secrets_keys = Some(hub.store.secrets().ids());
    let own = Replica { id: id.to_owned(), keys: hub.keys.fingerprints(), secrets_keys };
    let (keys, id) = (own.keys.clone(), own.id.clone());
    hub.store.write(move |tx: &mut Tx| Box::pin(async move { replicas::put(tx.session(), &own, now).await })).await?;
    let others = replicas::others(&mut hub.store.read().await?, &id, now - ALIVE).await?;
    hub.key_check.compare(&keys, &others, now);
    Ok(())
}
