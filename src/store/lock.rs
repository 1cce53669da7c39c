//! One process per SQLite file.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
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
    /// Locks `<database>.lock` and sees to it that there is a database file of the owner's own. The operating system lets go of it when the process ends, however it ends.
    pub(super) fn take(database: &Path) -> Result<Self, LockError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let io = |cause| LockError::Io { path: path.clone(), cause };
        let mine = |path: &Path| File::options().create(true).truncate(false).write(true).mode(0o600).open(path);
        let file = mine(&path).map_err(io)?;
        match file.try_lock() {
            // Made here rather than by SQLite, which would let others read it; its companions take their mode from it.
            Ok(()) => mine(database).map(|_| Self { _file: file }).map_err(io),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
            Err(TryLockError::Error(cause)) => Err(io(cause)),
        }
    }
}
