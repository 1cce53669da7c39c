//! Tells whether a file has changed, without reading it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Identifies a state of a file: a file that is written in place and one that takes its place both change it, and so does a
/// symbolic link that leads elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl FileStamp {
    /// The state of the file at `path`; None if there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { inode: found.ino(), changed: (found.ctime(), found.ctime_nsec()), size: found.size() })
    }
}
