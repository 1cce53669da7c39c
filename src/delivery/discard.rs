//! Ends what waits for endpoints that were switched off or taken away: a few rows a transaction, so that nobody waits for long,
//! however much there is. Nothing of it is sent meanwhile, since the endpoint says so.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError, deliveries};
use crate::time::SharedClock;

/// Deliveries that one transaction ends: some milliseconds.
const STEP: u32 = 500;
/// How often the worker looks for itself: another replica may have switched one off.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Discards until told to stop.
pub async fn run_discarder(store: Arc<Store>, clock: SharedClock, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match step(&store, &clock).await {
            Ok(0) => LOOK,
            // The writer serves whoever has come meanwhile before the next step.
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot discard what waits for endpoints that are off"
                );
                RETRY
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = clock.sleep_until(clock.now() + pause, pause) => {}
            () = store.signals().discards() => {}
        }
    }
}

/// Ends some of what waits for one such endpoint; answers how many.
async fn step(store: &Store, clock: &SharedClock) -> Result<u64, StoreError> {
    let Some((endpoint, reason)) = deliveries::unwanted(&mut store.read().await?).await? else { return Ok(0) };
    let now = clock.now();
    let write = store.write(move |tx| {
        Box::pin(async move { deliveries::discard_some(tx.session(), endpoint, &reason, now, STEP).await })
    });
    write.await
}
