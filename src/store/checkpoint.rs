//! SQLite's log is copied into the database file while nothing is written. Under load it is copied every so many pages, but a hub at
//! rest would keep its last changes in the log alone, and whoever copies the database file by itself would have none of them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Store;
use crate::time::SharedClock;

/// How often it is looked whether anything was written.
const LOOK: Duration = Duration::from_secs(5);

/// What was committed, and how much of it has been copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    committed: u64,
    copied: u64,
}

/// Copies the log whenever nothing was written between two looks, until told to stop.
pub async fn run_checkpoints(store: Arc<Store>, clock: SharedClock, stop: CancellationToken) {
    let mut seen = Seen::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + LOOK, LOOK) => {}
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
                tracing::warn!(error, "the log could not be copied into the database file");
            }
        }
    }
}
