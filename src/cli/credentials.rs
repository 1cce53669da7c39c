//! Where the secrets of `countersign login` are kept: a file that only its user may read, one entry for each hub.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::hub_url::HubUrl;

const FILE: &str = "credentials.json";
/// Largest file that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// The file, whether it exists or not.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    path: PathBuf,
}

/// A session at a hub.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct SignIn {
    /// What to send as the bearer.
    #[serde(serialize_with = "exposed")]
    pub(super) secret: SecretString,
    pub(super) person: Option<String>,
}

/// What the file contains.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Contents {
    /// The hub that was signed in to last.
    last: Option<String>,
    /// By the hub's URL.
    hubs: BTreeMap<String, SignIn>,
}

/// The one place that writes secrets into the file.
fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Credentials {
    /// The file of this user: in `$XDG_CONFIG_HOME`, or else in `.config` of the home folder (XDG Base Directory
    /// Specification). `None` without either.
    pub(super) fn of_user() -> Option<Self> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
        Some(Self { path: config.join("countersign").join(FILE) })
    }

    /// The session at that hub, if there is one.
    pub(super) fn find(&self, hub: &HubUrl) -> anyhow::Result<Option<SignIn>> {
        Ok(self.read()?.hubs.remove(&hub.to_string()))
    }

    /// The hub that was signed in to last.
    pub(super) fn last(&self) -> anyhow::Result<Option<HubUrl>> {
        let last = self.read()?.last;
        last.map(|url| url.parse().map_err(|error| anyhow::anyhow!("{}: {error}", self.path.display()))).transpose()
    }

    /// Keeps a session; returns the one before it.
    pub(super) fn keep(&self, hub: &HubUrl, sign_in: SignIn) -> anyhow::Result<Option<SignIn>> {
        self.change(|contents| {
            contents.last = Some(hub.to_string());
            contents.hubs.insert(hub.to_string(), sign_in)
        })
    }

    /// Removes a session and returns it.
    pub(super) fn forget(&self, hub: &HubUrl) -> anyhow::Result<Option<SignIn>> {
        self.change(|contents| {
            let known = contents.hubs.remove(&hub.to_string());
            if contents.last.as_ref() == Some(&hub.to_string()) {
                contents.last = None;
            }
            known
        })
    }

    fn read(&self) -> anyhow::Result<Contents> {
        let file = match File::open(&self.path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Contents::default());
            }
            file => file.with_context(|| format!("cannot read {}", self.path.display()))?,
        };
        // Of the open file, so that it cannot be exchanged in between.
        let metadata = file.metadata().with_context(|| format!("cannot read {}", self.path.display()))?;
        let path = self.path.display();
        anyhow::ensure!(metadata.is_file(), "{path} is not a file");
        anyhow::ensure!(
            metadata.permissions().mode() & 0o077 == 0,
            "{path} may be read or changed by others, and it has secrets: run chmod 600 {path}, or delete it and sign in \
             again with `countersign login`"
        );
        anyhow::ensure!(metadata.size() <= MOST, "{path} is larger than {MOST} bytes: it is not a file of credentials");
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text).with_context(|| format!("cannot read {path}"))?;
        // Without the parser's words, which could quote a secret.
        let unreadable = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            anyhow::anyhow!(
                "{path} is not a file of credentials (line {line}, column {column}): delete it and sign in again with \
                 `countersign login`"
            )
        };
        serde_json::from_str(&text).map_err(unreadable)
    }

    /// Changes the file under a lock, and replaces it as a whole.
    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> anyhow::Result<T> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = || format!("cannot write {}", self.path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(written)?;
        let lock = File::open(folder).with_context(written)?;
        lock.lock().with_context(written)?;
        let mut contents = self.read()?;
        let changed = change(&mut contents);
        let mut text = serde_json::to_vec_pretty(&contents).with_context(written)?;
        text.push(b'\n');
        // Has the mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(written)?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).with_context(written)?;
        file.persist(&self.path).map_err(|error| error.error).with_context(written)?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(written)?;
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(url: &str) -> HubUrl {
        url.parse().expect("a URL")
    }

    fn sign_in(secret: &str) -> SignIn {
        SignIn { secret: secret.to_owned().into(), person: Some("dana@example.com".to_owned()) }
    }

    fn secret_of(found: Option<SignIn>) -> Option<String> {
        found.map(|sign_in| sign_in.secret.expose_secret().to_owned())
    }

    #[test]
    fn each_hub_has_its_own_entry_and_the_last_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Credentials { path: folder.path().join("new/countersign").join(FILE) };
        let (one, two) = (hub("https://one.example.com/"), hub("https://two.example.com"));
        assert!(file.find(&one).expect("read").is_none() && file.last().expect("read").is_none());
        assert!(file.keep(&one, sign_in("css_1")).expect("kept").is_none());
        assert!(file.keep(&two, sign_in("css_2")).expect("kept").is_none());
        assert_eq!(secret_of(file.keep(&one, sign_in("css_3")).expect("kept")).as_deref(), Some("css_1"));
        assert_eq!(secret_of(file.find(&hub("https://one.example.com")).expect("read")).as_deref(), Some("css_3"));
        assert_eq!(file.last().expect("read"), Some(one.clone()));
        assert_eq!(secret_of(file.forget(&one).expect("forgotten")).as_deref(), Some("css_3"));
        assert!(file.find(&one).expect("read").is_none() && file.last().expect("read").is_none());
        assert_eq!(secret_of(file.find(&two).expect("read")).as_deref(), Some("css_2"));
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(&file.path), mode(file.path.parent().expect("a folder"))), (0o600, 0o700));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Credentials { path: folder.path().join(FILE) };
        file.keep(&hub("https://one.example.com"), sign_in("css_1")).expect("kept");
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)).expect("set");
            let error = file.find(&hub("https://one.example.com")).expect_err("refused").to_string();
            assert!(error.contains("chmod 600") && !error.contains("css_1"), "{error}");
            assert!(file.keep(&hub("https://two.example.com"), sign_in("css_2")).is_err());
        }
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o400)).expect("set");
        assert!(file.find(&hub("https://one.example.com")).expect("read").is_some());
    }

    #[test]
    fn an_unreadable_file_is_named_without_what_it_contains() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Credentials { path: folder.path().join(FILE) };
        fs::write(&file.path, "{\"hubs\": {\"https://one.example.com\": \"css_1\"}}").expect("written");
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o600)).expect("set");
        let error = format!("{:#}", file.last().expect_err("unreadable"));
        assert!(error.contains("countersign login") && !error.contains("css_1"), "{error}");
    }
}
