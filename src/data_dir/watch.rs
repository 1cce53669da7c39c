//! Reloads the keys of links and of stored secrets when their files change while the hub is running.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{DataDir, SecretsFile};
use crate::file_stamp::FileStamp;
use crate::links::KeyRing;
use crate::sealing::{SealingKey, SealingKeys};
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

/// Checks the file of the keys of stored secrets every few seconds, until stopped. An unreadable or removed file changes
/// nothing.
pub async fn watch_secrets(file: SecretsFile, keys: Arc<SealingKeys>, clock: SharedClock, stop: CancellationToken) {
    // The file may have changed since it was read, so the first round reads it again.
    let mut seen = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + INTERVAL, INTERVAL) => {}
        }
        let stamp = file.stamp();
        if stamp == seen {
            continue;
        }
        seen = stamp;
        match file.read() {
            Ok(read) => {
                let ids = read.iter().map(SealingKey::id).collect::<Vec<_>>();
                if ids != keys.ids() {
                    keys.replace(read);
                    tracing::info!(keys = ?ids, "the keys of stored secrets were reloaded");
                }
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the file of the keys of stored secrets cannot be used: the hub keeps the keys that it has read, but cannot \
                 start again without the file"
            ),
        }
    }
}
