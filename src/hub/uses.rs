//! Collects the times at which tokens and sessions were used in memory, so that a call costs no write.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// The periods in which tokens or sessions were used.
///
/// When the process is killed, up to 30 seconds of uses are not recorded.
pub(super) struct Uses<I> {
    /// How exact the last use is on record, in microseconds.
    period: i64,
    /// A std mutex: held for a look-up, never across an await. One entry for each id used in this period.
    noted: Mutex<HashMap<I, Noted>>,
}

struct Noted {
    period: i64,
    is_written: bool,
}

impl<I: Copy + Eq + Hash> Uses<I> {
    /// No uses yet; the last use is exact to `period`.
    pub(super) fn new(period: Duration) -> Self {
        Self { period: i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1), noted: Mutex::default() }
    }

    /// Notes a use; returns whether it is the first in this period.
    pub(super) fn note(&self, id: I, now: Timestamp) -> bool {
        let period = self.period_of(now);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.get(&id) {
            // Also when the clock was set back.
            Some(known) if known.period >= period => false,
            _ => {
                noted.insert(id, Noted { period, is_written: false });
                true
            }
        }
    }

    /// When the latest period with a use began, if it is still known.
    pub(super) fn last(&self, id: I) -> Option<Timestamp> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).get(&id).map(|known| self.start_of(known))
    }

    /// What is to be written, each with the start of its period; forgets what was written in earlier periods.
    pub(super) fn take(&self, now: Timestamp) -> Vec<(I, Timestamp)> {
        let period = self.period_of(now);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|_, known| !known.is_written || known.period >= period);
        let unwritten = noted.iter_mut().filter(|(_, known)| !known.is_written);
        unwritten
            .map(|(id, known)| {
                known.is_written = true;
                (*id, self.start_of(known))
            })
            .collect()
    }

    pub(super) fn put_back(&self, uses: &[(I, Timestamp)]) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, _) in uses {
            if let Some(known) = noted.get_mut(id) {
                known.is_written = false;
            }
        }
    }

    const fn start_of(&self, noted: &Noted) -> Timestamp {
        Timestamp::from_micros(noted.period * self.period)
    }

    /// The number of the period since 1970.
    const fn period_of(&self, at: Timestamp) -> i64 {
        at.as_micros().div_euclid(self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TokenId;

    const HOUR: Duration = Duration::from_secs(3_600);

    const fn at(hours: i64, micros: i64) -> Timestamp {
        Timestamp::from_micros(hours * 3_600_000_000 + micros)
    }

    #[test]
    fn a_use_is_written_once_in_a_period() {
        let (uses, id) = (Uses::new(HOUR), TokenId::mint(at(0, 0)));
        assert!(uses.note(id, at(5, 1)));
        assert!(!uses.note(id, at(5, 2)));
        assert_eq!(uses.last(id), Some(at(5, 0)));
        assert_eq!(uses.take(at(5, 3)), [(id, at(5, 0))]);
        assert!(!uses.note(id, at(5, 4)));
        assert_eq!(uses.take(at(5, 5)), []);
        assert!(uses.note(id, at(6, 0)));
        assert_eq!(uses.take(at(6, 1)), [(id, at(6, 0))]);
    }

    #[test]
    fn what_cannot_be_written_is_written_later_and_nothing_is_kept_longer() {
        let (uses, id) = (Uses::new(HOUR), TokenId::mint(at(0, 0)));
        uses.note(id, at(5, 0));
        let taken = uses.take(at(5, 0));
        uses.put_back(&taken);
        assert_eq!(uses.take(at(7, 0)), taken);
        assert_eq!(uses.take(at(7, 0)), []);
        assert!(uses.noted.lock().unwrap().is_empty());
    }
}
