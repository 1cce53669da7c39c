//! Opens a SQLite file.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::error::newest;
use super::{DatabaseState, OpenError, address};
use crate::store::StoreError;
use crate::store::dialect::SQLITE_MIGRATIONS;
use crate::store::fault::Fault;
use crate::store::lock::{FileLock, Files, LockError};
use crate::store::pools::{ACQUIRE, Connections, READERS};

/// How long SQLite waits for another program's lock before the call fails with 503.
const BUSY: Duration = Duration::from_secs(2);
/// Pages in SQLite's write-ahead log before they are copied into the database file. Many pages are written repeatedly,
/// so a longer log means fewer copies. Reading this many pages at start takes a few milliseconds.
const CHECKPOINT: &str = "2000";
/// The page size of a new database file, in bytes. A request or an event takes one to two thousand bytes. With smaller
/// pages, each needs an overflow page; measured: a sixth more time and half as much space again.
const PAGE: u32 = 8_192;
/// The page cache of a connection; a negative number is in KiB.
const CACHE: &str = "-8000";

/// Opens the file, creates it if it does not exist, and migrates its schema.
pub(super) async fn open(url: &str) -> Result<(Connections, FileLock, Files), OpenError> {
    address::check_sqlite(url)?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::InMemory);
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(OpenError::Connect)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .page_size(PAGE)
        .pragma("wal_autocheckpoint", CHECKPOINT)
        .pragma("cache_size", CACHE)
        .busy_timeout(BUSY);
    let path = options.get_filename().to_path_buf();
    let (lock, files) = FileLock::acquire(&path).map_err(|error| match error {
        LockError::Held => OpenError::InUse(path.clone()),
        LockError::Io(cause) => OpenError::File { path: path.clone(), cause },
    })?;
    // Unlike a server, a file does not disconnect: connections need no test before use.
    let pool =
        |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE).test_before_acquire(false);
    // A pool of its own, whose connection sorts in files: the index of a large table may not fit into memory.
    let migrating = pool(1).connect_with(options.clone()).await.map_err(|error| explain(error, &path))?;
    let migrated = SQLITE_MIGRATIONS.run(&migrating).await;
    migrated.map_err(|error| name_file(OpenError::of_migration(error, newest(&SQLITE_MIGRATIONS)), &path))?;
    migrating.close().await;
    // SQLite copies each page that an operation changes, to roll back to its savepoint. In a temporary file, these
    // copies were three of five writes. What a transaction changes is bounded, so the copies fit into memory.
    // Overwritten and deleted values must not stay in the file: they may be secrets that were stored in clear.
    let writing = options.clone().pragma("temp_store", "MEMORY").pragma("secure_delete", "ON");
    let write = pool(1).connect_with(writing).await.map_err(|error| explain(error, &path))?;
    let read = pool(READERS).connect_with(options.read_only(true)).await.map_err(|error| explain(error, &path))?;
    Ok((Connections::Sqlite { read, write }, lock, files))
}

/// What exists of the hub's database.
pub(super) async fn inspect(url: &str) -> Result<DatabaseState, OpenError> {
    let options = SqliteConnectOptions::from_str(url).map_err(OpenError::Connect)?.read_only(true);
    if !options.get_filename().metadata().is_ok_and(|found| found.len() > 0) {
        return Ok(DatabaseState::Missing);
    }
    let path = options.get_filename();
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(|error| explain(error, path))?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'audit_entries')";
    let is_there = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
    let is_there: bool = is_there.map_err(|error| explain(error, path))?;
    let has_entries = if is_there {
        let sql = "SELECT EXISTS (SELECT 1 FROM audit_entries)";
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.map_err(OpenError::Connect)?
    } else {
        false
    };
    connection.close().await.map_err(OpenError::Connect)?;
    Ok(DatabaseState::of_trail(is_there, has_entries))
}

fn explain(error: sqlx::Error, path: &Path) -> OpenError {
    match Fault::of(&error) {
        Some(fault) => {
            let cause = StoreError::from(error);
            name_file(OpenError::Unwritable { next_step: fault.next_step(), cause }, path)
        }
        None => OpenError::Connect(error),
    }
}

/// Whether SQLite cannot open the file: its primary result code 14.
fn cannot_open(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().and_then(|code| code.parse::<i64>().ok()).is_some_and(|code| code & 0xff == 14)
}

/// Adds the path to the error of a file that is damaged or cannot be opened.
fn name_file(error: OpenError, path: &Path) -> OpenError {
    match &error {
        OpenError::Unwritable { cause, .. } if cause.fault() == Some(Fault::Damaged) => {
            OpenError::Damaged(PathBuf::from(path))
        }
        OpenError::Unwritable { cause: StoreError::Unavailable(cause), .. } if cannot_open(cause) => {
            OpenError::File { path: PathBuf::from(path), cause: std::io::Error::other(Arc::clone(cause)) }
        }
        _ => error,
    }
}
