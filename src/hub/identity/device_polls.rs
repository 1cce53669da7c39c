//! How often devices poll.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use crate::approval::Digest;
use crate::identity::{PollPace, PollRefusal};
use crate::time::Timestamp;

/// Most device authorizations that wait at the same time.
pub const MAX_DEVICES: u64 = 10_000;

/// When the devices polled last. Replicas count separately: a device that polls too fast harms nobody.
#[derive(Default)]
pub(in crate::hub) struct DevicePolls {
    /// A std mutex: held for a look-up, never across an await. An entry for each device that waits.
    known: Mutex<HashMap<Digest, (Timestamp, PollPace)>>,
}

impl DevicePolls {
    /// Counts a poll of a device whose code is valid until `end`.
    pub(super) fn count(&self, code: Digest, end: Timestamp, now: Timestamp) -> Result<(), PollRefusal> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() as u64 >= MAX_DEVICES {
            known.retain(|_, (end, _)| now < *end);
        }
        match known.entry(code) {
            Entry::Occupied(mut poll) => poll.get_mut().1.count(now).map_err(PollRefusal::SlowDown),
            Entry::Vacant(place) => {
                place.insert((end, PollPace::begin(now)));
                Ok(())
            }
        }
    }

    /// Forgets a device that need not poll again.
    pub(super) fn forget(&self, code: &Digest) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
    }
}
