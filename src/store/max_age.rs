//! How long memberships by a sign-in are fresh.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::approval::Membership;
use crate::time::Timestamp;

/// How long after a sign-in a membership by a claim is fresh, unless the settings say otherwise: 12 hours.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(12 * 3_600);

/// How long after a sign-in a membership by a claim is fresh, in seconds. Shared by all sessions of a store.
#[derive(Debug)]
pub(super) struct MaxAge(AtomicU64);

impl Default for MaxAge {
    fn default() -> Self {
        Self(AtomicU64::new(DEFAULT_MAX_AGE.as_secs()))
    }
}

impl MaxAge {
    pub(super) fn set(&self, age: Duration) {
        self.0.store(age.as_secs(), Ordering::Relaxed);
    }

    /// Until when a sign-in at this time makes a fresh member.
    pub(super) fn end(&self, signed_in_at: i64) -> Timestamp {
        Timestamp::from_micros(signed_in_at) + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    /// The membership by a claim of the sign-in at this time; without one, the person is listed.
    pub(super) fn membership(&self, signed_in_at: Option<i64>) -> Membership {
        signed_in_at.map_or(Membership::Listed, |at| Membership::Until(self.end(at)))
    }
}
