//! One process per SQLite file, and no write to a file that is no longer there.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::StoreError;
use crate::file_owner;

/// Held for as long as the process uses the database. Closing the file early would also drop the locks that SQLite holds on it
/// (POSIX advisory locks end with any descriptor of theirs), so it outlives every connection.
#[derive(Debug)]
pub(super) struct FileLock {
    _database: File,
    _beside: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error("another process holds it")]
    Held,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file as it was when the hub began to use it: device and inode.
type Identity = (u64, u64);

/// The files of a database, watched: whoever takes one away, or moves another in its place, leaves a hub that writes into files that
/// nobody will ever open again.
#[derive(Debug)]
pub(super) struct Files {
    /// The database and the lock beside it.
    fixed: [(PathBuf, Identity); 2],
    /// SQLite's log and its index. They come with the first connection and go with the last, so what they are is known only while
    /// the writer keeps its connection.
    journal: [PathBuf; 2],
    seen: Mutex<[Option<Identity>; 2]>,
    /// Transactions that were written into them.
    committed: AtomicU64,
}

impl FileLock {
    /// Locks the database, and makes it when there is none: SQLite would let others read it. There are two locks: one on the database
    /// file itself, whatever path or link leads to it; and one on a file beside it, which also keeps another process out that finds
    /// another database in its place. Both are `flock`'s, which do not meet SQLite's own; the operating system lets go of them when
    /// the process ends, however it ends.
    pub(super) fn take(database: &Path) -> Result<(Self, Files), LockError> {
        // Locks and logs of a database lie where it is, not where a link to it is.
        let path = resolved(database);
        let with = |ending: &str| {
            let mut name = path.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let beside = with(".lock");
        // In this order nothing is made where another hub is.
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
    /// Whether all of them are still what they were.
    ///
    /// # Errors
    /// [`StoreError::Displaced`], which names the file. Once it is back, all is well again.
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

    /// Counts a transaction.
    pub(super) fn wrote(&self) {
        self.committed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many transactions were written.
    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Learns what SQLite's log is from now on: the writer has another connection, and the log may have gone with the last one.
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
        // Also through a link that leads nowhere yet.
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

/// Where the file is, or would be, without links on the way.
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
