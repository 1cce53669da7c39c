//! One process per SQLite file.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Held for as long as the process uses the file. Closing it early would also drop the locks that SQLite holds on the same file
/// (POSIX advisory locks end with any descriptor of theirs), so it outlives every connection.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error("another process holds it")]
    Held,
    #[error(transparent)]
    Io(io::Error),
}

impl FileLock {
    /// Locks the database file itself, whatever path or link leads to it, and makes it when there is none: SQLite would let
    /// others read it. The lock is `flock`'s, which does not meet SQLite's own; the operating system lets go of it when the process
    /// ends, however it ends.
    pub(super) fn take(database: &Path) -> Result<Self, LockError> {
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(database);
        let file = file.map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(cause)) => Err(LockError::Io(cause)),
        }
    }
}
