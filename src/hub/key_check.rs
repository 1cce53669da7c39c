//! Compares the link-signing keys of the other replicas with the keys of this one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::store::replicas::Replica;
use crate::time::Timestamp;

/// How long a new key may take to reach all replicas.
const ROTATION: Duration = Duration::from_secs(600);

/// The result of the last comparison.
#[derive(Debug, Default)]
pub(super) struct KeyCheck(Mutex<Option<Difference>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    /// The number of the key that this replica lacks.
    key: String,
    since: Timestamp,
    /// Whether the replicas share another key: then a key rotation is probably in progress.
    is_rotation: bool,
}

impl KeyCheck {
    /// The problem to report at `now`, if any. A rotation is reported only after [`ROTATION`].
    pub(super) fn problem(&self, now: Timestamp) -> Option<String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Difference { key, since, is_rotation } = found.as_ref()?;
        if *is_rotation && now.since(*since) < ROTATION {
            return None;
        }
        Some(format!(
            "another replica on this database signs links with key {key}, which this one does not have, so this one \
             rejects its links: give all replicas the same keys.json"
        ))
    }

    /// Compares this replica's keys with those of the others, and keeps the result.
    pub(super) fn compare(&self, own: &[String], others: &[Replica], now: Timestamp) {
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
