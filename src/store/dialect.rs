//! The differences between the two databases.

use sqlx::migrate::Migrator;

/// The database system.
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
    /// The PostgreSQL advisory lock that a write transaction holds. The number is arbitrary.
    pub(super) const WRITERS: i64 = 4_852_177_305_616;

    /// Most operations in one transaction. Each operation is a subtransaction. PostgreSQL keeps 64 subtransactions of a
    /// transaction in memory (`PGPROC_MAX_CACHED_SUBXIDS`). With more, every snapshot reads `pg_subtrans`, on disk, for
    /// each row that the open transaction wrote. Measured: no such reads with 64 operations, about 150 with 65, about
    /// 280 with 128.
    pub(super) const fn batch(self) -> usize {
        match self {
            Self::Sqlite => 128,
            Self::Postgres => 62,
        }
    }

    /// Opens a write transaction, with a savepoint for the first gathered rows. No other writer, of this process or of
    /// a replica, runs at the same time. SQLite has one writer anyway. On PostgreSQL an advisory lock
    /// ([`WRITERS`](Self::WRITERS)) excludes other writers: so batches cannot deadlock, and the audit chain has no
    /// forks.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE; SAVEPOINT written",
            Self::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(4852177305616); SAVEPOINT written",
        }
    }

    /// The placeholder of the `number`th value in a statement of many values. SQLite searches all names for each
    /// numbered placeholder, so it gets anonymous ones; PostgreSQL has numbered ones only.
    pub(super) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => "?".to_owned(),
            Self::Postgres => format!("${number}"),
        }
    }

    /// A column in a condition that many rows meet, so that the index of another condition must be used. SQLite has no
    /// statistics here, and uses no index for an expression; PostgreSQL has statistics.
    pub(super) const fn common(self, column: &'static str, expression: &'static str) -> &'static str {
        match self {
            Self::Sqlite => expression,
            Self::Postgres => column,
        }
    }
}
