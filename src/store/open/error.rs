//! Why a database cannot be opened. Each message names the thing that is wrong and the next step, and none repeats the
//! database URL, which may hold a password.

use std::path::PathBuf;

use sqlx::migrate::{MigrateError, Migrator};

use crate::store::StoreError;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of a database that the hub knows.
    #[error("a database URL begins with sqlite:// or postgres://, see COUNTERSIGN_DATABASE_URL")]
    Scheme,
    /// A parameter of the URL that the hub's database client would silently ignore.
    #[error("COUNTERSIGN_DATABASE_URL: there is no parameter {name:?}{hint}")]
    Parameter {
        /// Which.
        name: String,
        /// What may have been meant, or what there is.
        hint: String,
    },
    /// The URL cannot be taken apart.
    #[error("COUNTERSIGN_DATABASE_URL cannot be read: {0}")]
    Url(String),
    /// A database that would end with the process.
    #[error(
        "COUNTERSIGN_DATABASE_URL names a database in memory, which would forget all requests and their audit trail: \
         name a file (sqlite://FILE)"
    )]
    InMemory,
    /// Another process uses this SQLite file.
    #[error("another countersign process is using {0}: stop it first, or give this one a data folder of its own")]
    InUse(PathBuf),
    /// The SQLite file cannot be opened for writing.
    #[error(
        "cannot open the database file {path}: see that its folder exists and that this user may write there, or name \
         another file with COUNTERSIGN_DATABASE_URL"
    )]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The PostgreSQL server does not answer, or not to us.
    #[error("cannot connect to PostgreSQL at {host}, port {port}: {next_step}")]
    Unreachable {
        /// Where.
        host: String,
        /// Where.
        port: u16,
        /// What to do about it.
        next_step: &'static str,
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// The PostgreSQL database keeps its text in another encoding, which lacks characters that requests hold.
    #[error(
        "the PostgreSQL database keeps text as {found}, which lacks characters that requests hold: make one with \
         CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it in COUNTERSIGN_DATABASE_URL"
    )]
    Encoding {
        /// What the server calls it.
        found: String,
    },
    /// Between the hub and PostgreSQL stands a pooler that lends a server's connection for one transaction only.
    #[error(
        "COUNTERSIGN_DATABASE_URL leads to a pooler that changes the connection after each transaction (PgBouncer with \
         pool_mode = transaction or statement); the hub needs prepared statements and LISTEN, which end with the \
         connection: set pool_mode = session for this database, or name PostgreSQL's own address"
    )]
    Pooler,
    /// A newer version of the hub has used the database.
    #[error(
        "the database was brought to schema {found} by a newer countersign; this version knows up to {known}: run that \
         version again, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The schema's number.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// Its schema is none that a release made.
    #[error(
        "schema {0} of the database is not as this version has it: the database was made by a development build, or \
         changed by hand. Restore a backup, or name another database with COUNTERSIGN_DATABASE_URL"
    )]
    Altered(i64),
    /// The SQLite file holds no database, or a broken one.
    #[error(
        "{0} is damaged, or is no SQLite database: restore a backup over it, or try to save what it holds with \
         `sqlite3 {0} .recover`"
    )]
    Damaged(PathBuf),
    /// The database takes no write, by a fault of its machine.
    #[error("cannot write to the database: {next_step}")]
    Unwritable {
        /// What to do about it.
        next_step: &'static str,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// The database cannot be opened.
    #[error("cannot open the database")]
    Connect(#[source] sqlx::Error),
    /// The database opens, but cannot be read.
    #[error("cannot read the database")]
    Read(#[source] StoreError),
    /// The schema cannot be brought up to date.
    #[error("cannot bring the database's schema up to date")]
    Migrate(#[source] MigrateError),
}

impl OpenError {
    /// What a failure to bring the schema up to date means; `known` is the newest schema of this version.
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
