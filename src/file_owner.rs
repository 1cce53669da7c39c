//! Whose the files are that the program writes for a hub. A command may be run by root for a hub that runs as another user: what root
//! leaves behind must be the hub's, or it cannot read its own keys at the next start.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

/// Of a file that nobody else may read.
const PRIVATE: u32 = 0o600;

/// Makes `file`, which is about to take the place of `path`, like what is there: the same owner, group and mode. Where nothing is
/// there, see [`give_to_folder`].
///
/// # Errors
/// When the file belongs to somebody else and this process may not give its successor to them: then `path` must not be replaced.
pub(crate) fn inherit(file: &File, path: &Path) -> io::Result<()> {
    let known = match fs::metadata(path) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return give_to_folder(file, path),
        Err(error) => return Err(error),
    };
    give(file, &known).map_err(|error| {
        let (uid, gid) = (known.uid(), known.gid());
        let detail = format!(
            "it belongs to user {uid} and group {gid}, and this process may not leave its successor to them ({error}): \
             run this as that user or as root. Nothing was changed"
        );
        io::Error::new(error.kind(), detail)
    })?;
    file.set_permissions(Permissions::from_mode(known.mode() & 0o777))
}

/// Makes the new `file` at `path` private, and its folder's owner's where this process may give files away.
///
/// # Errors
/// When the folder or the file cannot be looked at.
pub(crate) fn give_to_folder(file: &File, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match give(file, &fs::metadata(folder)?) {
        // Who may write in somebody else's folder without being root keeps what they write there.
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
