//! The owner of files that the program writes for a hub. Root may run a command for a hub that runs as another user.
//! Files that root writes must belong to the hub's user; otherwise the hub cannot read its own keys at the next start.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

/// The mode of a file that only its owner may read.
const PRIVATE: u32 = 0o600;

/// Gives `file`, which is going to replace `path`, the owner, group and mode of `path`. If `path` does not exist, does
/// the same as [`give_to_folder`].
///
/// # Errors
/// When `path` belongs to another user and this process may not give files to them: then `path` must not be replaced.
pub(crate) fn inherit(file: &File, path: &Path) -> io::Result<()> {
    let known = match fs::metadata(path) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return give_to_folder(file, path),
        Err(error) => return Err(error),
    };
    give(file, &known).map_err(|error| {
        let (uid, gid) = (known.uid(), known.gid());
        let detail = format!(
            "it belongs to user {uid} and group {gid}, and this process may not give its replacement to them ({error}): \
             run this as that user or as root. Nothing was changed"
        );
        io::Error::new(error.kind(), detail)
    })?;
    file.set_permissions(Permissions::from_mode(known.mode() & 0o777))
}

/// Makes the new `file` at `path` private, and gives it the owner of its folder where this process may do so.
///
/// # Errors
/// When the metadata of the folder or the file cannot be read or changed.
pub(crate) fn give_to_folder(file: &File, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match give(file, &fs::metadata(folder)?) {
        // A process that is not root but may write to the folder keeps the files that it creates there.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        given => given?,
    }
    file.set_permissions(Permissions::from_mode(PRIVATE))
}

fn give(file: &File, like: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}
