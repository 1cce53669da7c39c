//! The key file: the keys of links. The first key signs new links. Links under the others are accepted until those keys
//! expire.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{DataDir, DataDirError, KEYS};
use crate::file_stamp::FileStamp;
use crate::links::{LinkKey, LiveKeys};
use crate::random;
use crate::time::Timestamp;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    links: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: u32,
    /// 32 bytes in base64.
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_at: Option<Timestamp>,
    /// When the key expires: links under it are refused from then on. None: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

/// A key, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Part of every link under it.
    pub id: u32,
    /// Whether it signs new links.
    pub signs: bool,
    /// When it was created; unknown for keys of earlier versions.
    pub made_at: Option<Timestamp>,
    /// When the key expires.
    pub until: Option<Timestamp>,
}

impl DataDir {
    /// The keys that are live at `now`, created at the first start; and when the next of them expires.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub fn keys(&self, now: Timestamp) -> Result<(LiveKeys, Option<Timestamp>), DataDirError> {
        let file = match self.key_file()? {
            Some(file) => file,
            None => {
                let file = KeyFile { links: vec![new_key(1, now)] };
                self.write_key_file(&file)?;
                file
            }
        };
        let next = file.links.iter().filter_map(|entry| entry.until).filter(|until| *until > now).min();
        let mut keys = file.links.iter().filter(|entry| entry.is_live(now)).map(|entry| {
            let bytes = STANDARD.decode(&entry.secret).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let detail = || format!("key {} is not 32 bytes in base64", entry.id);
            let secret = bytes.ok_or_else(|| self.bad_keys(detail()))?;
            Ok(LinkKey { id: entry.id, secret: Box::new(secret).into() })
        });
        let signing = keys.next().ok_or_else(|| self.bad_keys("it has no live key".to_owned()))??;
        Ok((LiveKeys::new(signing, keys.collect::<Result<_, _>>()?), next))
    }

    /// The keys, without their secrets.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn list_keys(&self, now: Timestamp) -> Result<Vec<KeyView>, DataDirError> {
        let file = self.key_file()?.ok_or_else(|| self.no_keys())?;
        Ok(views(&file, now))
    }

    /// Adds a new signing key. The other keys expire after `overlap`, or at the time at which they were going to
    /// expire, if that is earlier. Expired keys are removed.
    ///
    /// # Errors
    /// When there are none, or the file cannot be read or written.
    pub fn rotate_keys(&self, overlap: Duration, now: Timestamp) -> Result<Vec<KeyView>, DataDirError> {
        // Of two concurrent rotations, one would lose its key, which may have signed links by then.
        let folder = File::open(self.path()).and_then(|folder| folder.lock().map(|()| folder));
        let _locked = folder.map_err(|cause| DataDirError::Io { path: self.path().to_owned(), cause })?;
        let mut file = self.key_file()?.ok_or_else(|| self.no_keys())?;
        let newest = file.links.iter().map(|entry| entry.id).max().unwrap_or(0);
        let id = newest.checked_add(1).ok_or_else(|| self.bad_keys("no key number is left".to_owned()))?;
        for entry in &mut file.links {
            let until = now + overlap;
            entry.until = Some(entry.until.map_or(until, |known| known.min(until)));
        }
        file.links.retain(|entry| entry.is_live(now));
        file.links.insert(0, new_key(id, now));
        self.write_key_file(&file)?;
        Ok(views(&file, now))
    }

    /// The path of the key file, whether it exists or not.
    pub fn keys_path(&self) -> PathBuf {
        self.path().join(KEYS)
    }

    /// Whether the key file exists.
    pub fn has_keys(&self) -> bool {
        self.keys_path().exists()
    }

    /// Copies the key file to `to`, which must not exist, and which only its owner may read.
    ///
    /// # Errors
    /// When there is no key file, or it cannot be copied.
    pub fn copy_keys(&self, to: &Path) -> Result<(), DataDirError> {
        let text = self.read(KEYS)?.ok_or_else(|| self.no_keys())?;
        let write = || {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|cause| DataDirError::Io { path: to.to_owned(), cause })
    }

    /// The state of the key file; none when it does not exist.
    pub fn key_stamp(&self) -> Option<FileStamp> {
        FileStamp::of(&self.keys_path())
    }

    fn key_file(&self) -> Result<Option<KeyFile>, DataDirError> {
        let Some(text) = self.read(KEYS)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| self.bad_keys(error.to_string()))
    }

    fn write_key_file(&self, file: &KeyFile) -> Result<(), DataDirError> {
        let text = serde_json::to_string_pretty(file).map_err(|error| self.bad_keys(error.to_string()))?;
        self.write_secret(KEYS, &text)
    }

    fn bad_keys(&self, detail: String) -> DataDirError {
        DataDirError::Keys { path: self.path().join(KEYS), detail }
    }

    fn no_keys(&self) -> DataDirError {
        DataDirError::NoKeys { path: self.path().join(KEYS) }
    }
}

impl KeyEntry {
    fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

fn new_key(id: u32, now: Timestamp) -> KeyEntry {
    KeyEntry { id, secret: STANDARD.encode(random::bytes::<32>()), made_at: Some(now), until: None }
}

fn views(file: &KeyFile, now: Timestamp) -> Vec<KeyView> {
    let live = file.links.iter().filter(|entry| entry.is_live(now)).enumerate();
    live.map(|(index, entry)| KeyView { id: entry.id, signs: index == 0, made_at: entry.made_at, until: entry.until })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_new_key_signs_and_the_old_one_is_accepted_until_it_expires() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::open(folder.path()).expect("opens");
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        assert!(matches!(data.rotate_keys(DAY, now), Err(DataDirError::NoKeys { .. })));
        data.keys(now).expect("made");
        let before = data.key_stamp();
        let ids = |keys: Vec<KeyView>| keys.iter().map(|key| (key.id, key.signs)).collect::<Vec<_>>();
        let rotated = data.rotate_keys(DAY, now).expect("rotated");
        assert_eq!(rotated.last().and_then(|key| key.until), Some(now + DAY));
        assert_eq!(ids(rotated), [(2, true), (1, false)]);
        assert_ne!(data.key_stamp(), before);
        assert_eq!(data.keys(now).expect("read").1, Some(now + DAY), "when the next key expires");
        let path = folder.path().join(KEYS);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        // A later rotation does not extend an earlier overlap, and removes expired keys.
        assert_eq!(
            ids(data.rotate_keys(DAY * 9, now + DAY / 2).expect("rotated")),
            [(3, true), (2, false), (1, false)]
        );
        assert_eq!(ids(data.list_keys(now + DAY).expect("read")), [(3, true), (2, false)]);
        assert_eq!(ids(data.rotate_keys(Duration::ZERO, now + DAY).expect("rotated")), [(4, true)]);
        assert!(!fs::read_to_string(path).expect("text").contains("\"id\": 3"));
    }

    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::open(folder.path()).expect("opens");
        let secret = STANDARD.encode([7; 32]);
        let text = format!(r#"{{"links": [{{"id": 2, "secret": "{secret}"}}, {{"id": 1, "secret": "{secret}"}}]}}"#);
        fs::write(folder.path().join(KEYS), text).expect("writes");
        let keys = data.list_keys(Timestamp::default()).expect("read");
        assert_eq!(keys.iter().map(|key| (key.id, key.until)).collect::<Vec<_>>(), [(2, None), (1, None)]);
    }
}
