//! A row of either database, before it is converted into a type.

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::StoreError;

/// A type that rows of both databases can be converted into.
pub(super) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A row as its driver returns it. The code that runs statements is not generic over the row type, so it is compiled
/// only once.
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
