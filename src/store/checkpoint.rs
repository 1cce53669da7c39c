//! Checkpoints of SQLite's write-ahead log while the hub is idle. Under load, SQLite copies the log into the database
//! file every few thousand pages. An idle hub would keep its last changes in the log alone, and a copy of the database
//! file would lack them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Store;
use crate::time::SharedClock;

/// How often to check whether anything was written.
const INTERVAL: Duration = Duration::from_secs(5);

/// Transactions that were committed, and how many of them have been copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    committed: u64,
    copied: u64,
}

/// Copies the log whenever nothing was written since the last check, until stopped.
pub async fn run_checkpoints(store: Arc<Store>, clock: SharedClock, stop: CancellationToken) {
    let mut seen = Seen::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + INTERVAL, INTERVAL) => {}
        }
        let committed = store.committed();
        let is_at_rest = committed == seen.committed;
        seen.committed = committed;
        if !is_at_rest || committed == seen.copied {
            continue;
        }
        match store.checkpoint().await {
            Ok(()) => seen.copied = committed,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot copy the write-ahead log into the database file");
            }
        }
    }
}
