//! Locks and checks of a SQLite database's files: one process per database, and no write to a file that was removed or
//! replaced.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::StoreError;
use crate::file_owner;

/// Locked files, for as long as the process uses the database. Closing a file early would also release SQLite's own
/// locks on it (POSIX advisory locks end when any descriptor of the file is closed), so this outlives every connection.
#[derive(Debug)]
pub(super) struct FileLock {
    _database: File,
    _beside: File,
}

/// Why the lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error("another process has locked it")]
    Held,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Identifies a file: device and inode.
type Identity = (u64, u64);

/// The files of a database, as they were when the hub opened them. If one is removed or replaced, the hub would write
/// into files that no process will ever open again.
#[derive(Debug)]
pub(super) struct Files {
    /// The database and the lock file beside it.
    fixed: [(PathBuf, Identity); 2],
    /// SQLite's write-ahead log and its index. SQLite creates them with the first connection and deletes them with the
    /// last, so their identity is known only while the writer keeps its connection.
    journal: [PathBuf; 2],
    seen: Mutex<[Option<Identity>; 2]>,
    /// Transactions that this process has committed.
    committed: AtomicU64,
}

impl FileLock {
    /// Locks the database. Creates the file if it does not exist: SQLite would make it readable by others. There are
    /// two locks: one on the database file itself, whatever path or link leads to it; and one on a file beside it,
    /// which also keeps out a process that finds another database in its place. Both are `flock` locks, which do not
    /// interfere with SQLite's own. The operating system releases them when the process ends, however it ends.
    pub(super) fn acquire(database: &Path) -> Result<(Self, Files), LockError> {
        // The lock and the log are beside the database file, not beside a link to it.
        let path = resolved(database);
        let with = |ending: &str| {
            let mut name = path.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let beside = with(".lock");
        // In this order, nothing is created where another hub is running.
        let lock = locked(&beside)?;
        let file = locked(&path)?;
        let fixed = [(path.clone(), identity(&file.metadata()?)), (beside, identity(&lock.metadata()?))];
        let files = Files {
            fixed,
            journal: [with("-wal"), with("-shm")],
            seen: Mutex::default(),
            committed: AtomicU64::new(0),
        };
        Ok((Self { _database: file, _beside: lock }, files))
    }
}

impl Files {
    /// Checks that all files are still those that were opened.
    ///
    /// # Errors
    /// [`StoreError::Displaced`], which names the file. Once the file is back, the check passes again.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (path, known) in &self.fixed {
            if found(path) != Some(*known) {
                return Err(StoreError::Displaced(path.clone()));
            }
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, known) in self.journal.iter().zip(seen.iter_mut()) {
            match (found(path), &known) {
                (found, None) => *known = found,
                (found, known) if found == **known => {}
                _ => return Err(StoreError::Displaced(path.clone())),
            }
        }
        Ok(())
    }

    /// Counts a committed transaction.
    pub(super) fn count_commit(&self) {
        self.committed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many transactions this process has committed.
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Forgets the identity of SQLite's log: the writer has a new connection, and the log may have been deleted with
    /// the last one.
    pub(super) fn reconnected(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = [None; 2];
    }
}

fn locked(path: &Path) -> Result<File, LockError> {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    let file = match options.clone().create_new(true).open(path) {
        Ok(file) => {
            file_owner::give_to_folder(&file, path)?;
            file
        }
        // It exists, or is a link to a file that does not exist yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.create(true).truncate(false).open(path)?
        }
        Err(error) => return Err(error.into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Held),
        Err(TryLockError::Error(cause)) => Err(LockError::Io(cause)),
    }
}

/// The path of the file with links resolved, whether or not the file exists.
fn resolved(path: &Path) -> PathBuf {
    let of_folder = || Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?));
    fs::canonicalize(path).ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

fn found(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|found| identity(&found))
}

fn identity(file: &fs::Metadata) -> Identity {
    (file.dev(), file.ino())
}
