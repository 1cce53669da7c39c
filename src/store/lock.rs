//! One process per SQLite file.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held for as long as the process uses the file.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error("another process holds {0}")]
    Held(PathBuf),
    #[error("cannot lock {path}")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

impl FileLock {
    /// Locks `<database>.lock`. The operating system lets go of it when the process ends, however it ends.
    pub(super) fn take(database: &Path) -> Result<Self, LockError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let io = |cause| LockError::Io { path: path.clone(), cause };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
            Err(TryLockError::Error(cause)) => Err(io(cause)),
        }
    }
}
