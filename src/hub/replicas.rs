//! Whether the replicas on one database sign links with the same keys. Where they do not, a link that one has made is refused as
//! forged by the others, by chance and without a word.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::random;
use crate::store::replicas::{self, Replica};
use crate::store::{StoreError, Tx};

/// How often a replica says that it runs, and looks at the others.
const LOOK: Duration = Duration::from_secs(60);
/// One that has said nothing for so long runs no more.
const ALIVE: Duration = Duration::from_secs(180);

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
