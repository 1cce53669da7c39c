//! Rows that this version cannot read: written by a newer one during a rolling upgrade, left behind by a rollback, or changed by
//! hand. They are set apart, so that one of them costs nobody else theirs, and are counted and named until they are read again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::StoreError;

/// Most rows that are named. Further ones are only logged.
const MOST: usize = 1_000;
/// How long a row is named after it was last met, where not all rows of its table are read at once.
const NAMED: Duration = Duration::from_secs(600);

/// Table and row.
type Place = (&'static str, String);

/// What this process has met.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<BTreeMap<Place, Noted>>);

#[derive(Debug)]
struct Noted {
    why: String,
    /// None where the next reading of the whole table says whether it is still so.
    until: Option<Instant>,
}

impl Unreadable {
    /// Those rows that can be read, of some of a table's.
    pub(super) fn some<R, T>(&self, rows: Vec<R>, read: impl Fn(R) -> Result<T, StoreError>) -> Vec<T> {
        let until = Some(Instant::now() + NAMED);
        rows.into_iter().filter_map(|row| read(row).map_err(|error| self.note(&error, until)).ok()).collect()
    }

    /// Those rows that can be read, of all that `table` has: no others of it are unreadable now.
    pub(super) fn all<R, T>(
        &self,
        table: &'static str,
        rows: Vec<R>,
        read: impl Fn(R) -> Result<T, StoreError>,
    ) -> Vec<T> {
        let (readable, errors): (Vec<_>, Vec<_>) = rows.into_iter().map(read).partition(Result::is_ok);
        let errors: Vec<StoreError> = errors.into_iter().filter_map(Result::err).collect();
        let is_still = |row: &String| {
            errors.iter().any(|error| matches!(error, StoreError::Inconsistent { row: known, .. } if known == row))
        };
        self.lock().retain(|(known, row), _| *known != table || is_still(row));
        errors.iter().for_each(|error| self.note(error, None));
        readable.into_iter().filter_map(Result::ok).collect()
    }

    /// Names a row that was met by itself.
    pub(super) fn met(&self, error: &StoreError) {
        self.note(error, Some(Instant::now() + NAMED));
    }

    /// Names a row, and logs it the first time.
    fn note(&self, error: &StoreError, until: Option<Instant>) {
        let StoreError::Inconsistent { table, row, .. } = error else { return };
        let mut known = self.lock();
        let place = (*table, row.clone());
        let is_new = !known.contains_key(&place);
        if is_new {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "a row cannot be read and is set apart: a newer version may have written it");
        }
        if !is_new || known.len() < MOST {
            known.insert(place, Noted { why: error.to_string(), until });
        }
    }

    /// How many rows of each table are set apart now, and what is wrong with each.
    pub(super) fn now(&self) -> BTreeMap<&'static str, Vec<String>> {
        let now = Instant::now();
        let mut known = self.lock();
        known.retain(|_, noted| noted.until.is_none_or(|until| now < until));
        let mut tables: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for ((table, _), noted) in &*known {
            tables.entry(table).or_default().push(noted.why.clone());
        }
        tables
    }

    /// A std mutex: held for a look-up, never across an await.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(row: u32) -> Result<u32, StoreError> {
        if row < 3 { Ok(row) } else { Err(StoreError::inconsistent("things", "shape", row, "odd")) }
    }

    #[test]
    fn bad_rows_are_set_apart_and_named_until_the_whole_table_is_read_without_them() {
        let unreadable = Unreadable::default();
        assert_eq!(unreadable.all("things", vec![1, 5, 2, 4], read), [1, 2]);
        let named = "things.shape of 4 cannot be read".to_owned();
        assert_eq!(unreadable.now()["things"], [named.clone(), "things.shape of 5 cannot be read".to_owned()]);
        assert_eq!(unreadable.all("things", vec![1, 4], read), [1]);
        assert_eq!(unreadable.now()["things"], [named]);
        unreadable.all("things", vec![1], read);
        assert!(unreadable.now().is_empty());
        assert_eq!(unreadable.some(vec![3, 0], read), [0]);
        assert_eq!(unreadable.now()["things"].len(), 1);
    }
}
