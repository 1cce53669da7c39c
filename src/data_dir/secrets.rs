//! The file of the keys that seal stored secrets: a key a line in base64, the newest first. So a secret store can provide
//! it, and `openssl rand -base64 32` makes one.

use std::fs::File;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{DataDir, DataDirError, read, write_secret};
use crate::file_stamp::FileStamp;
use crate::random;
use crate::sealing::{KeyId, SealingKey};
use crate::time::Timestamp;

const SECRETS: &str = "secrets.key";
/// Most keys in a file.
const MOST: usize = 64;

/// The file of the keys that seal stored secrets.
#[derive(Debug, Clone)]
pub struct SecretsFile {
    path: PathBuf,
    /// Whether it is in the data folder, and so made by the hub.
    is_own: bool,
}

/// A key that seals stored secrets, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealingKeyView {
    /// Part of every value that it seals.
    pub id: KeyId,
    /// Whether it is the newest: it seals once all replicas have it.
    pub newest: bool,
}

impl DataDir {
    /// The file of the keys that seal stored secrets: the one that the settings name, or the data folder's own.
    pub fn secrets_file(&self, setting: Option<&Path>) -> SecretsFile {
        match setting {
            Some(path) => SecretsFile { path: path.to_owned(), is_own: false },
            None => SecretsFile { path: self.path().join(SECRETS), is_own: true },
        }
    }
}

impl SecretsFile {
    /// The path of the file, whether it exists or not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the hub has to make the file: it is the data folder's own, and does not exist.
    pub fn is_to_be_made(&self) -> bool {
        self.is_own && !self.path.exists()
    }

    /// Makes the file, with one new key. Only its owner may read it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make(&self, now: Timestamp) -> Result<(), DataDirError> {
        write_secret(&self.path, &new_key(now))
    }

    /// The keys, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a file of keys.
    pub fn read(&self) -> Result<Vec<SealingKey>, DataDirError> {
        self.parse(&self.text()?)
    }

    /// The keys, without their secrets.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a file of keys.
    pub fn list(&self) -> Result<Vec<SealingKeyView>, DataDirError> {
        let view = |(index, key): (usize, SealingKey)| SealingKeyView { id: key.id(), newest: index == 0 };
        Ok(self.read()?.into_iter().enumerate().map(view).collect())
    }

    /// Adds a new key before the others, which are kept.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not a file of keys.
    pub fn rotate(&self, now: Timestamp) -> Result<Vec<SealingKeyView>, DataDirError> {
        // Of two concurrent rotations, one would lose its key, which may have sealed secrets by then.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
        let _locked = locked.map_err(|cause| DataDirError::Io { path: folder.to_owned(), cause })?;
        let known = self.text()?;
        let text = format!("{}\n{}", new_key(now), known.trim_end());
        self.parse(&text)?;
        write_secret(&self.path, &text)?;
        self.list()
    }

    /// The state of the file; none when it does not exist.
    pub fn stamp(&self) -> Option<FileStamp> {
        FileStamp::of(&self.path)
    }

    fn text(&self) -> Result<String, DataDirError> {
        read(&self.path)?.ok_or_else(|| self.bad("it does not exist".to_owned()))
    }

    fn parse(&self, text: &str) -> Result<Vec<SealingKey>, DataDirError> {
        let mut keys: Vec<SealingKey> = Vec::new();
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let secret = STANDARD.decode(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let key = secret.as_ref().and_then(SealingKey::new);
            let key = key.ok_or_else(|| self.bad(format!("line {number} is not 32 bytes in base64")))?;
            if keys.iter().any(|known| known.id() == key.id()) {
                return Err(self.bad(format!("line {number} repeats key {}", key.id())));
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(self.bad("it has no key".to_owned())),
            count if count > MOST => Err(self.bad(format!("it has more than {MOST} keys"))),
            _ => Ok(keys),
        }
    }

    fn bad(&self, detail: String) -> DataDirError {
        DataDirError::Secrets { path: self.path.clone(), detail }
    }
}

/// A new key, with a comment that says when it was made.
fn new_key(now: Timestamp) -> String {
    format!("# created at {now}\n{}", STANDARD.encode(random::bytes::<32>()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    #[test]
    fn a_new_key_comes_first_and_the_others_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = DataDir::open(folder.path()).expect("opens").secrets_file(None);
        assert!(file.is_to_be_made() && file.read().is_err());
        file.make(NOW).expect("made");
        let first = file.read().expect("read")[0].id();
        let rotated = file.rotate(NOW).expect("rotated");
        let ids: Vec<_> = rotated.iter().map(|key| (key.id, key.newest)).collect();
        assert!(ids.len() == 2 && ids[1] == (first, false) && ids[0].1 && ids[0].0 != first, "{ids:?}");
        assert_eq!(std::fs::metadata(file.path()).expect("a file").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_of_a_secret_store_is_read_and_never_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::open(folder.path()).expect("opens");
        let path = folder.path().join("mounted");
        let file = data.secrets_file(Some(&path));
        assert!(!file.is_to_be_made());
        assert!(file.read().expect_err("missing").to_string().contains("does not exist"));
        let (one, two) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        std::fs::write(&path, format!("\u{feff}# from the store\n{two}\r\n\n  {one}")).expect("writes");
        assert_eq!(file.read().expect("read").len(), 2);
        for (text, says) in [
            ("", "no key"),
            ("# only this", "no key"),
            ("c2hvcnQ=", "line 1"),
            ("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "line 1"),
            (&*format!("{one}\n{one}"), "line 2 repeats"),
        ] {
            std::fs::write(&path, text).expect("writes");
            let error = file.read().expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains(&one), "{error}");
        }
    }
}
