//! The register of unreadable rows: written by a newer version during a rolling upgrade, left over after a rollback, or
//! changed by hand. Such a row is skipped, so that it does not make the others unavailable. It is reported until it can
//! be read again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::StoreError;
use crate::sealing::OpenError;

/// Most rows that are reported. Further ones are only logged.
const MOST: usize = 1_000;
/// How long a row is reported after it was last read, where the table is not read as a whole.
const REPORTED: Duration = Duration::from_secs(600);

/// Table and row key.
type RowKey = (&'static str, String);

/// The unreadable rows that this process has found.
#[derive(Debug, Default)]
pub(super) struct Unreadable(Mutex<BTreeMap<RowKey, Noted>>);

#[derive(Debug)]
struct Noted {
    why: String,
    /// None where the next read of the whole table updates it.
    until: Option<Instant>,
}

impl Unreadable {
    /// Converts some rows of a table; registers those that cannot be read, and leaves them out.
    pub(super) fn convert_some<R, T>(&self, rows: Vec<R>, read: impl Fn(R) -> Result<T, StoreError>) -> Vec<T> {
        let until = Some(Instant::now() + REPORTED);
        rows.into_iter().filter_map(|row| read(row).map_err(|error| self.note(&error, until)).ok()).collect()
    }

    /// Converts all rows of `table`: no other rows of it are unreadable now.
    pub(super) fn convert_all<R, T>(
        &self,
        table: &'static str,
        rows: Vec<R>,
        read: impl Fn(R) -> Result<T, StoreError>,
    ) -> Vec<T> {
        let (readable, errors): (Vec<_>, Vec<_>) = rows.into_iter().map(read).partition(Result::is_ok);
        let errors: Vec<StoreError> = errors.into_iter().filter_map(Result::err).collect();
        let is_still_bad = |row: &String| {
            errors.iter().any(|error| matches!(error, StoreError::Inconsistent { row: known, .. } if known == row))
        };
        self.lock().retain(|(known, row), _| *known != table || is_still_bad(row));
        errors.iter().for_each(|error| self.note(error, None));
        readable.into_iter().filter_map(Result::ok).collect()
    }

    /// Registers one row.
    pub(super) fn add(&self, error: &StoreError) {
        self.note(error, Some(Instant::now() + REPORTED));
    }

    /// Registers a row, and logs it the first time.
    fn note(&self, error: &StoreError, until: Option<Instant>) {
        let StoreError::Inconsistent { table, row, cause, .. } = error else { return };
        let mut known = self.lock();
        let key = (*table, row.clone());
        let is_new = !known.contains_key(&key);
        if is_new {
            let error = error as &dyn std::error::Error;
            if cause.is::<OpenError>() {
                tracing::error!(error, "a row has a sealed secret that cannot be opened, and is skipped");
            } else {
                tracing::error!(error, "a row cannot be read and is skipped: a newer version may have written it");
            }
        }
        if !is_new || known.len() < MOST {
            let sealed = cause.downcast_ref::<OpenError>();
            let why = sealed.map_or_else(|| error.to_string(), |sealed| format!("{error}: {sealed}"));
            known.insert(key, Noted { why, until });
        }
    }

    /// The errors of the rows that are unreadable now, by table.
    pub(super) fn current(&self) -> BTreeMap<&'static str, Vec<String>> {
        let now = Instant::now();
        let mut known = self.lock();
        known.retain(|_, noted| noted.until.is_none_or(|until| now < until));
        let mut tables: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for ((table, _), noted) in &*known {
            tables.entry(table).or_default().push(noted.why.clone());
        }
        tables
    }

    /// A std mutex: locked for one look-up, never across an await.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RowKey, Noted>> {
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
        assert_eq!(unreadable.convert_all("things", vec![1, 5, 2, 4], read), [1, 2]);
        let named = "things.shape of 4 cannot be read".to_owned();
        assert_eq!(unreadable.current()["things"], [named.clone(), "things.shape of 5 cannot be read".to_owned()]);
        assert_eq!(unreadable.convert_all("things", vec![1, 4], read), [1]);
        assert_eq!(unreadable.current()["things"], [named]);
        unreadable.convert_all("things", vec![1], read);
        assert!(unreadable.current().is_empty());
        assert_eq!(unreadable.convert_some(vec![3, 0], read), [0]);
        assert_eq!(unreadable.current()["things"].len(), 1);
    }
}
