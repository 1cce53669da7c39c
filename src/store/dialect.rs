//! Everything in which the two databases truly differ.

use sqlx::migrate::Migrator;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// The schema as SQLite reads it.
pub(super) static SQLITE_MIGRATIONS: Migrator = sqlx_macros::migrate!("migrations/sqlite");
/// The schema as PostgreSQL reads it.
pub(super) static POSTGRES_MIGRATIONS: Migrator = sqlx_macros::migrate!("migrations/postgres");

impl Dialect {
    /// PostgreSQL's advisory lock that a write transaction holds. The number is ours and arbitrary.
    pub(super) const WRITERS: i64 = 4_852_177_305_616;

    /// Most operations in one transaction. A snapshot on PostgreSQL looks into `pg_subtrans`, on disk, for every row that a
    /// transaction with more than 64 subtransactions has written (`PGPROC_MAX_CACHED_SUBXIDS`), and each operation is one:
    /// with 64 of them, reading the rows of an open transaction takes no look there; with 65 some 150, with 128 some 280.
    pub(super) const fn batch(self) -> usize {
        match self {
            Self::Sqlite => 128,
            Self::Postgres => 62,
        }
    }

    /// Opens a write transaction, with a savepoint for the first rows that are written together, that no other writer, of this process or a replica, runs beside. SQLite has one writer by
    /// nature; on PostgreSQL an advisory lock ([`WRITERS`](Self::WRITERS)) makes it so, which rules out deadlocks between
    /// batches and keeps the audit chain one chain.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE; SAVEPOINT written",
            Self::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(4852177305616); SAVEPOINT written",
        }
    }

    /// How a statement of many values names the place of the `number`th. SQLite looks through all names for each numbered one;
    /// PostgreSQL knows no others.
    pub(super) fn place(self, number: usize) -> String {
        match self {
            Self::Sqlite => "?".to_owned(),
            Self::Postgres => format!("${number}"),
        }
    }

    /// A column in a condition that so many rows meet that another condition has to choose the index. SQLite knows nothing of how
    /// many they are, and takes no index for an expression; PostgreSQL counts.
    pub(super) const fn common(self, column: &'static str, expression: &'static str) -> &'static str {
        match self {
            Self::Sqlite => expression,
            Self::Postgres => column,
        }
    }
}
