//! Discards the waiting deliveries of endpoints that were switched off or deleted.
//!
//! Each transaction discards a few rows only, so that other writers do not wait. Until then, the state of the endpoint
//! prevents these deliveries from being sent.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Store, StoreError, deliveries};
use crate::time::SharedClock;

/// Deliveries discarded in one transaction. It takes some milliseconds.
const STEP: u32 = 500;
/// Poll interval without a signal: another replica may have switched an endpoint off.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Discards deliveries until `stop` is cancelled.
pub async fn run_discarder(store: Arc<Store>, clock: SharedClock, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match step(&store, &clock).await {
            Ok(0) => POLL_INTERVAL,
            // The writer serves other waiting operations before the next step.
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot discard the deliveries of endpoints that are switched off"
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

/// Discards some deliveries of one endpoint; returns how many.
async fn step(store: &Store, clock: &SharedClock) -> Result<u64, StoreError> {
    let Some((endpoint, reason)) = deliveries::unwanted(&mut store.read().await?).await? else { return Ok(0) };
    let now = clock.now();
    let write = store.write(move |tx| {
        Box::pin(async move { deliveries::discard_some(tx.session(), endpoint, &reason, now, STEP).await })
    });
    write.await
}
