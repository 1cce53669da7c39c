//! A copy of a SQLite database that may be in use, verified before it gets its name.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions};
use sqlx::{Connection as _, Row as _};

use super::Session;
use super::native::Connection;
use super::{StoreError, audit};

/// The contents of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Copied {
    pub bytes: u64,
    pub requests: i64,
    /// Entries of its audit trail, whose chain was verified.
    pub audit_entries: i64,
}

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(
        "this command copies SQLite databases only: copy a PostgreSQL database with pg_dump, together with keys.json of the \
         hub's data folder"
    )]
    Postgres,
    #[error("there is no database {0}: name the hub's database with --data-dir, --config or --database-url")]
    Missing(PathBuf),
    #[error("{0} already exists: name another file; nothing is overwritten")]
    Exists(PathBuf),
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// The database cannot be read, or the copy cannot be written.
    #[error("cannot copy the database {path}")]
    Copy {
        path: PathBuf,
        #[source]
        cause: sqlx::Error,
    },
    #[error("the copy cannot be read, and was removed")]
    Unreadable(#[source] StoreError),
    /// The database is damaged, and so is its copy.
    #[error("the copy is damaged and was removed: {0}. The database itself is damaged: restore an earlier backup")]
    Damaged(String),
}

/// Copies the database that `url` names to `file`, which must not exist. The copy is a consistent snapshot; a hub that
/// uses the database keeps running. The copy gets its name after verification: SQLite's own checks, and the chain of
/// the audit trail.
///
/// # Errors
/// See [`BackupError`]. Nothing is left behind.
pub async fn copy(url: &str, file: &Path) -> Result<Copied, BackupError> {
    if !url.starts_with("sqlite:") {
        return Err(BackupError::Postgres);
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|cause| BackupError::Copy { path: PathBuf::from(url), cause })?
        .create_if_missing(false)
        .read_only(true);
    let path = options.get_filename().to_path_buf();
    if path.metadata().is_ok_and(|found| found.len() > 0) {
        write(&options, &path, file).await
    } else {
        Err(BackupError::Missing(path))
    }
}

async fn write(options: &SqliteConnectOptions, path: &Path, file: &Path) -> Result<Copied, BackupError> {
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let unwritable = |cause: io::Error| BackupError::Write { path: file.to_owned(), cause };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only this user may read it, and it is deleted if this fails.
    let beside = tempfile::Builder::new().prefix(".countersign-backup-").tempfile_in(folder).map_err(unwritable)?;
    let failed = |cause| BackupError::Copy { path: path.to_owned(), cause };
    let mut source = SqliteConnection::connect_with(options).await.map_err(failed)?;
    let into = beside.path().to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1").bind(into).execute(&mut source).await.map_err(failed)?;
    source.close().await.map_err(failed)?;
    let copied = verify(beside.path()).await?;
    File::open(beside.path()).and_then(|copy| copy.sync_all()).map_err(unwritable)?;
    beside.persist_noclobber(file).map_err(|error| unwritable(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
    Ok(copied)
}

/// Verifies the copy.
async fn verify(path: &Path) -> Result<Copied, BackupError> {
    let unreadable = |error: sqlx::Error| BackupError::Unreadable(error.into());
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(unreadable)?;
    let mut connection = pool.acquire().await.map_err(unreadable)?;
    let found = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *connection).await;
    let found: Vec<String> = found.map_err(unreadable)?;
    if found != ["ok"] {
        return Err(BackupError::Damaged(found.join("; ")));
    }
    let orphans = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *connection).await.map_err(unreadable)?;
    if let Some(orphan) = orphans.first() {
        let table: String = orphan.try_get(0).unwrap_or_default();
        return Err(BackupError::Damaged(format!("a row of {table} refers to a row that does not exist")));
    }
    let sql = "SELECT (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM audit_entries)";
    let counts = sqlx::query_as(sql).fetch_one(&mut *connection).await;
    let (requests, audit_entries): (i64, i64) = counts.map_err(unreadable)?;
    let mut session = Session::new(Connection::Sqlite(connection), Arc::default());
    let broken = audit::first_break(&mut session).await.map_err(BackupError::Unreadable)?;
    drop(session);
    pool.close().await;
    if let Some(entry) = broken {
        return Err(BackupError::Damaged(format!("entry {entry} of the audit trail does not match the one before it")));
    }
    let bytes = path.metadata().map(|found| found.len()).unwrap_or_default();
    Ok(Copied { bytes, requests, audit_entries })
}
