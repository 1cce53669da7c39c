//! The data folder: the SQLite database, the signing keys, the key of stored secrets and the admin token. Only the hub's
//! own user may read it.

mod keys;
mod secrets;
mod watch;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::file_owner;
use crate::identity::new_token_secret;
use crate::shape::without_mark;
use crate::unicode::unwrapped;

pub use self::keys::KeyView;
pub use self::secrets::{SealingKeyView, SecretsFile};
pub use self::watch::{watch_keys, watch_secrets};

const KEYS: &str = "keys.json";
const ADMIN_TOKEN: &str = "admin-token";
const DATABASE: &str = "countersign.db";

/// A data folder.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("cannot use {path}")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// There are no keys: a hub creates them at its first start.
    #[error(
        "{path} does not exist: name the data folder of a hub that has been started, with --data-dir or COUNTERSIGN_DATA_DIR"
    )]
    NoKeys { path: PathBuf },
    /// The key file is invalid.
    #[error(
        "{path} is not a key file of countersign ({detail}): restore it from a backup, or remove it to have new keys \
             created, which makes all links that were sent invalid"
    )]
    Keys { path: PathBuf, detail: String },
    /// The file with the keys of stored secrets is missing or invalid.
    #[error(
        "{path} is not a file of secrets keys ({detail}): each of its lines has to be a key of 32 bytes in base64, as \
         `openssl rand -base64 32` prints it, or a comment that begins with #"
    )]
    Secrets { path: PathBuf, detail: String },
}

impl DataDir {
    /// Opens the folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let path = std::path::absolute(path).map_err(|cause| DataDirError::Io { path: path.to_owned(), cause })?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|cause| DataDirError::Io { path: path.clone(), cause })?;
        Ok(Self { path })
    }

    /// Opens an existing folder.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn existing(path: &Path) -> Result<Self, DataDirError> {
        if !path.is_dir() {
            return Err(DataDirError::NoKeys { path: path.join(KEYS) });
        }
        Self::open(path)
    }

    /// The absolute path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The URL of the folder's own database.
    pub fn database_url(&self) -> String {
        // A path may contain characters that are special in a URL.
        let path: String =
            url::form_urlencoded::byte_serialize(self.path.join(DATABASE).as_os_str().as_encoded_bytes()).collect();
        format!("sqlite://{}", path.replace("%2F", "/").replace('+', "%20"))
    }

    /// The admin token and its file; created at the first start.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn admin_token(&self) -> Result<(SecretString, PathBuf), DataDirError> {
        let text = match self.read(ADMIN_TOKEN)? {
            Some(text) => text,
            None => {
                let token: SecretString = new_token_secret().into();
                self.write_secret(ADMIN_TOKEN, token.expose_secret())?;
                token.expose_secret().to_owned()
            }
        };
        Ok((unwrapped(&text).to_owned().into(), self.path.join(ADMIN_TOKEN)))
    }

    fn read(&self, name: &str) -> Result<Option<String>, DataDirError> {
        read(&self.path.join(name))
    }

    fn write_secret(&self, name: &str, text: &str) -> Result<(), DataDirError> {
        write_secret(&self.path.join(name), text)
    }
}

fn read(path: &Path) -> Result<Option<String>, DataDirError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(without_mark(&text).to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(DataDirError::Io { path: path.to_owned(), cause }),
    }
}

/// Writes a file atomically: to a temporary file beside it, then by a rename. A replaced file keeps its owner and mode.
/// A new file belongs to its folder's owner, and only the owner may read it.
fn write_secret(path: &Path, text: &str) -> Result<(), DataDirError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file_owner::inherit(&file, path)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|cause| {
        // The temporary file may be incomplete, or may not exist.
        let _removed = fs::remove_file(&temporary);
        DataDirError::Io { path: path.to_owned(), cause }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(0);

    #[test]
    fn secrets_are_created_once_and_only_their_owner_may_read_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::open(&folder.path().join("a b/data")).expect("opens");
        let (first, file) = data.admin_token().expect("made");
        let (second, _) = data.admin_token().expect("read");
        assert_eq!(first.expose_secret(), second.expose_secret());
        data.keys(NOW).expect("made");
        let keys = fs::read_to_string(data.path().join(KEYS)).expect("a file");
        data.keys(NOW).expect("read");
        assert_eq!(fs::read_to_string(data.path().join(KEYS)).expect("a file"), keys);
        for path in [file, data.path().join(KEYS)] {
            assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        assert!(data.database_url().contains("a%20b"));
    }

    #[test]
    fn a_damaged_key_file_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::open(folder.path()).expect("opens");
        fs::write(folder.path().join(KEYS), "{\"links\": []}").expect("writes");
        assert!(matches!(data.keys(NOW), Err(DataDirError::Keys { .. })));
        assert_eq!(fs::read_to_string(folder.path().join(KEYS)).expect("a file"), "{\"links\": []}");
    }
}
