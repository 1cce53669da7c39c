//! Why a database cannot be opened. Each message names the problem and the next step. None repeats the database URL,
//! which may contain a password.

use std::path::PathBuf;

use sqlx::migrate::{MigrateError, Migrator};

use crate::store::StoreError;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has an unknown scheme.
    #[error("a database URL begins with sqlite:// or postgres://, see COUNTERSIGN_DATABASE_URL")]
    Scheme,
    /// The database client would silently ignore this parameter of the URL.
    #[error("COUNTERSIGN_DATABASE_URL: unknown parameter {name:?}{hint}")]
    Parameter {
        name: String,
        /// A similar parameter, or all of them.
        hint: String,
    },
    /// The URL cannot be parsed.
    #[error("COUNTERSIGN_DATABASE_URL cannot be read: {0}")]
    Url(String),
    /// A database in memory, which would end with the process.
    #[error(
        "COUNTERSIGN_DATABASE_URL names a database in memory, which would lose all requests and their audit trail: \
         name a file (sqlite://FILE)"
    )]
    InMemory,
    /// Another process uses this SQLite file.
    #[error("another countersign process is using {0}: stop it first, or give this one a data folder of its own")]
    InUse(PathBuf),
    /// The SQLite file cannot be opened for writing.
    #[error(
        "cannot open the database file {path}: check that its folder exists and that this user may write there, or name \
         another file with COUNTERSIGN_DATABASE_URL"
    )]
    File {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// The PostgreSQL server does not answer, or refuses the connection.
    #[error("cannot connect to PostgreSQL at {host}, port {port}: {next_step}")]
    Unreachable {
        host: String,
        port: u16,
        next_step: &'static str,
        #[source]
        cause: sqlx::Error,
    },
    /// The PostgreSQL database has an encoding that lacks characters of requests.
    #[error(
        "the PostgreSQL database has the encoding {found}, which lacks characters that requests may contain: create one with \
         CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it in COUNTERSIGN_DATABASE_URL"
    )]
    Encoding {
        /// The server's name of the encoding.
        found: String,
    },
    /// A pooler between the hub and PostgreSQL gives it another server connection for each transaction.
    #[error(
        "COUNTERSIGN_DATABASE_URL leads to a pooler that changes the connection after each transaction (PgBouncer with \
         pool_mode = transaction or statement); the hub needs prepared statements and LISTEN, which end with the \
         connection: set pool_mode = session for this database, or name PostgreSQL's own address"
    )]
    Pooler,
    /// A newer version of the hub has migrated the database.
    #[error(
        "a newer countersign has migrated the database to schema {found}; this version knows schemas up to {known}: run \
         that version again, or restore a backup from before the upgrade"
    )]
    Newer {
        found: i64,
        /// The newest schema of this version.
        known: i64,
    },
    /// No release has made this schema.
    #[error(
        "schema {0} of the database differs from that of this version: a development build made the database, or its \
         schema was changed by hand. Restore a backup, or name another database with COUNTERSIGN_DATABASE_URL"
    )]
    Altered(i64),
    /// The file is not a SQLite database, or is damaged.
    #[error(
        "{0} is damaged, or is not a SQLite database: replace it with a backup, or try to recover its contents with \
         `sqlite3 {0} .recover`"
    )]
    Damaged(PathBuf),
    /// The database accepts no writes, because of a fault of its machine.
    #[error("cannot write to the database: {next_step}")]
    Unwritable {
        next_step: &'static str,
        #[source]
        cause: StoreError,
    },
    #[error("cannot open the database")]
    Connect(#[source] sqlx::Error),
    #[error("cannot read the database")]
    Read(#[source] StoreError),
    #[error("cannot bring the database's schema up to date")]
    Migrate(#[source] MigrateError),
}

impl OpenError {
    /// Explains a failed migration; `known` is the newest schema of this version.
    pub(super) fn of_migration(error: MigrateError, known: i64) -> Self {
        match error {
            MigrateError::VersionMissing(found) if found > known => Self::Newer { found, known },
            MigrateError::VersionMissing(version)
            | MigrateError::VersionMismatch(version)
            | MigrateError::Dirty(version) => Self::Altered(version),
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
                let cause = StoreError::from(cause);
                match cause.fault() {
                    Some(fault) => Self::Unwritable { next_step: fault.next_step(), cause },
                    None => Self::Read(cause),
                }
            }
            other => Self::Migrate(other),
        }
    }
}

/// The number of the newest migration.
pub(super) fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}
