//! Reloads the keys of links when their file changes while the hub is running.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::DataDir;
use crate::file_stamp::FileStamp;
use crate::links::KeyRing;
use crate::time::{SharedClock, Timestamp};

/// How often to check the file. Until then, this replica does not know a new key that another replica may already sign
/// with.
const INTERVAL: Duration = Duration::from_secs(5);

/// Checks the key file every few seconds, until stopped. An unreadable file changes nothing.
pub async fn watch_keys(
    data: DataDir,
    keys: Arc<KeyRing>,
    clock: SharedClock,
    (mut seen, mut next): (Option<FileStamp>, Option<Timestamp>),
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + INTERVAL, INTERVAL) => {}
        }
        let (stamp, now) = (data.key_stamp(), clock.now());
        if stamp == seen && next.is_none_or(|next| now < next) {
            continue;
        }
        seen = stamp;
        if stamp.is_none() {
            next = None;
            let file = data.keys_path();
            tracing::error!(
                file = %file.display(),
                "the key file of links was removed: the hub keeps the keys that it has read, but cannot start again without \
                 the file: restore it from a backup"
            );
            continue;
        }
        match data.keys(now) {
            Ok((live, until)) => {
                keys.replace(live);
                next = until;
                tracing::info!("the keys of links were reloaded");
            }
            Err(error) => {
                next = None;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the key file of links was changed and cannot be used: the hub keeps the keys that it has read"
                );
            }
        }
    }
}
