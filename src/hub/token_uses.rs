//! Collects the times of token uses in memory, so that a call costs no write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::ids::TokenId;
use crate::time::Timestamp;

/// How exact the last use of a token is on record.
const HOUR_MICROS: i64 = 3_600_000_000;

/// The hours in which tokens were used.
///
/// When the process is killed, up to 30 seconds of uses are not recorded.
#[derive(Default)]
pub(super) struct TokenUses {
    /// A std mutex: held for a look-up, never across an await. One entry for each token used in this hour.
    noted: Mutex<HashMap<TokenId, Noted>>,
}

struct Noted {
    hour: i64,
    is_written: bool,
}

impl TokenUses {
    /// Notes a use; returns whether it is the token's first in this hour.
    pub(super) fn note(&self, id: TokenId, now: Timestamp) -> bool {
        let hour = hour_of(now);
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.get(&id) {
            // Also when the clock was set back.
            Some(known) if known.hour >= hour => false,
            _ => {
                noted.insert(id, Noted { hour, is_written: false });
                true
            }
        }
    }

    /// What is to be written; forgets what was written in earlier hours.
    pub(super) fn take(&self, now: Timestamp) -> Vec<(TokenId, Timestamp)> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = hour_of(now);
        noted.retain(|_, known| !known.is_written || known.hour >= hour);
        let unwritten = noted.iter_mut().filter(|(_, known)| !known.is_written);
        unwritten
            .map(|(id, known)| {
                known.is_written = true;
                (*id, Timestamp::from_micros(known.hour * HOUR_MICROS))
            })
            .collect()
    }

    pub(super) fn put_back(&self, uses: &[(TokenId, Timestamp)]) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, _) in uses {
            if let Some(known) = noted.get_mut(id) {
                known.is_written = false;
            }
        }
    }
}

/// The hour of a time, counted from 1970.
const fn hour_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(HOUR_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(hours: i64, micros: i64) -> Timestamp {
        Timestamp::from_micros(hours * HOUR_MICROS + micros)
    }

    #[test]
    fn a_token_is_written_once_an_hour() {
        let (uses, id) = (TokenUses::default(), TokenId::mint(at(0, 0)));
        assert!(uses.note(id, at(5, 1)));
        assert!(!uses.note(id, at(5, 2)));
        assert_eq!(uses.take(at(5, 3)), [(id, at(5, 0))]);
        assert!(!uses.note(id, at(5, 4)));
        assert_eq!(uses.take(at(5, 5)), []);
        assert!(uses.note(id, at(6, 0)));
        assert_eq!(uses.take(at(6, 1)), [(id, at(6, 0))]);
    }

    #[test]
    fn what_cannot_be_written_is_written_later_and_nothing_is_kept_longer() {
        let (uses, id) = (TokenUses::default(), TokenId::mint(at(0, 0)));
        uses.note(id, at(5, 0));
        let taken = uses.take(at(5, 0));
        uses.put_back(&taken);
        assert_eq!(uses.take(at(7, 0)), taken);
        assert_eq!(uses.take(at(7, 0)), []);
        assert!(uses.noted.lock().unwrap().is_empty());
    }
}
