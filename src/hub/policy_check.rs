//! The likely mistakes in all policies, kept for a while: reading them takes several statements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::approval::ResourceName;
use crate::time::Timestamp;

/// How long they are kept: they depend on who is away, too.
const KEPT: Duration = Duration::from_secs(60);

/// Resources with likely mistakes in their policies.
pub type PolicyMistakes = Vec<(ResourceName, Vec<String>)>;

/// What was found.
struct Found {
    /// The version of the configuration.
    version: i64,
    at: Timestamp,
    mistakes: Arc<PolicyMistakes>,
}

/// What was found last.
#[derive(Default)]
pub(super) struct PolicyCheck {
    /// A std mutex: never locked across an await.
    last: Mutex<Option<Found>>,
}

impl PolicyCheck {
    /// What was found in that version of the configuration, not long ago.
    pub(super) fn get(&self, version: i64, now: Timestamp) -> Option<Arc<PolicyMistakes>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |found: &&Found| found.version == version && now.since(found.at) < KEPT;
        last.as_ref().filter(is_fresh).map(|found| Arc::clone(&found.mistakes))
    }

    /// Keeps what was found.
    pub(super) fn keep(&self, version: i64, at: Timestamp, mistakes: Arc<PolicyMistakes>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Found { version, at, mistakes });
    }
}
