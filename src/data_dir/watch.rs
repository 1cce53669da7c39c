//! Takes keys over that were changed while the hub runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::DataDir;
use super::keys::KeyStamp;
use crate::links::KeyRing;
use crate::time::{SharedClock, Timestamp};

/// How often the file is looked at: links under a new key may be out that long before this replica knows it.
const LOOK: Duration = Duration::from_secs(5);

/// Looks at the key file every few seconds until told to stop. What cannot be read changes nothing.
pub async fn watch_keys(
    data: DataDir,
    keys: Arc<KeyRing>,
    clock: SharedClock,
    (mut seen, mut next): (Option<KeyStamp>, Option<Timestamp>),
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(clock.now() + LOOK, LOOK) => {}
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
                "the key file of links was taken away: going on with the keys there were, but without it the hub does not \
                 start again: put it back from a backup"
            );
            continue;
        }
        match data.keys(now) {
            Ok((live, until)) => {
                keys.replace(live);
                next = until;
                tracing::info!("the keys of links were read anew");
            }
            Err(error) => {
                next = None;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the keys of links were changed and cannot be used: going on with those there were"
                );
            }
        }
    }
}
