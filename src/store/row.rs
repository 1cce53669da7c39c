//! A row of either database, before it is read into a type.

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::StoreError;

/// A row type that both databases can fill.
pub(super) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A row as its driver gives it. Statements are run without knowing what their rows are read into, so that all of that is compiled
/// once and not once a type.
pub(super) enum NativeRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl NativeRow {
    pub(super) fn read<T: Row>(&self) -> Result<T, StoreError> {
        Ok(match self {
            Self::Sqlite(row) => T::from_row(row)?,
            Self::Postgres(row) => T::from_row(row)?,
        })
    }
}

impl From<SqliteRow> for NativeRow {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for NativeRow {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}
