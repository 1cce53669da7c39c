//! Where the sign-ins of `countersign login` are kept: a file that only its user may read, with one entry for each hub. The
//! secrets are in the keyring of the operating system if there is one, else in the file.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::hub_url::HubUrl;
use super::keyring::{Keyring, KeyringError};

const FILE: &str = "credentials.json";
/// Largest file that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// The file, whether it exists or not, and the keyring.
#[derive(Clone)]
pub(super) struct Credentials {
    path: PathBuf,
    keyring: Keyring,
}

/// Where a secret is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Place {
    /// In the keyring, or nowhere
    Keyring,
    /// In the file
    File,
}

/// Where a secret was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    InKeyring,
    InFile {
        path: PathBuf,
        /// Why a keyring that exists does not have it.
        because: Option<String>,
    },
}

/// A session at a hub, as the file has it.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    /// Absent when it is in the keyring.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    secret: Option<SecretString>,
    person: Option<String>,
}

/// What the file contains.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Contents {
    /// The hub that was signed in to last.
    last: Option<String>,
    /// By the hub's URL.
    hubs: BTreeMap<String, Entry>,
}

/// The one place that writes secrets into the file.
fn exposed<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(SecretString::expose_secret).serialize(serializer)
}

impl Credentials {
    /// The file of this user: in `$XDG_CONFIG_HOME`, or else in `.config` of the home folder (XDG Base Directory
    /// Specification). `None` without either.
    pub(super) fn of_user() -> Option<Self> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
        Some(Self { path: config.join("countersign").join(FILE), keyring: Keyring::of_user() })
    }

    /// Fails if a secret could not be kept.
    pub(super) fn check(&self, hub: &HubUrl, place: Option<Place>) -> anyhow::Result<()> {
        if place == Some(Place::Keyring) {
            self.keyring.read(&self.name(hub))?;
        }
        self.read().map(drop)
    }

    /// The secret of the session at that hub, if there is one.
    pub(super) fn find(&self, hub: &HubUrl) -> anyhow::Result<Option<SecretString>> {
        match self.read()?.hubs.remove(&hub.to_string()) {
            None => Ok(None),
            Some(Entry { secret: Some(secret), .. }) => Ok(Some(secret)),
            Some(Entry { secret: None, .. }) => self.keyring.read(&self.name(hub)).with_context(|| {
                format!("the keyring has the secret of your session: unlock it, or run `countersign login {hub}` again")
            }),
        }
    }

    /// The hub that was signed in to last.
    pub(super) fn last(&self) -> anyhow::Result<Option<HubUrl>> {
        let last = self.read()?.last;
        last.map(|url| url.parse().map_err(|error| anyhow::anyhow!("{}: {error}", self.path.display()))).transpose()
    }

    /// Keeps the secret of a session in place of the one before it: in the keyring, and if that cannot keep it, in the file.
    ///
    /// # Errors
    /// When it is kept nowhere.
    pub(super) fn keep(&self, hub: &HubUrl, secret: &SecretString, place: Option<Place>) -> anyhow::Result<Kept> {
        let in_file = |because| Kept::InFile { path: self.path.clone(), because };
        let kept = match place {
            Some(Place::File) => in_file(None),
            _ => match self.keyring.keep(&self.name(hub), secret) {
                Ok(()) => Kept::InKeyring,
                Err(error) if place.is_some() => return Err(error.into()),
                Err(KeyringError::Absent(_)) => in_file(None),
                Err(error @ (KeyringError::Refused(_) | KeyringError::Late)) => in_file(Some(error.to_string())),
            },
        };
        let secret = (kept != Kept::InKeyring).then(|| secret.clone());
        let before = self.change(|contents| {
            contents.last = Some(hub.to_string());
            contents.hubs.insert(hub.to_string(), Entry { secret, person: None })
        })?;
        if place == Some(Place::File) && before.is_some_and(|before| before.secret.is_none()) {
            // Nobody looks for the earlier one there any more.
            let _gone = self.keyring.forget(&self.name(hub));
        }
        Ok(kept)
    }

    /// Notes whose session it is.
    pub(super) fn note(&self, hub: &HubUrl, person: Option<&str>) -> anyhow::Result<()> {
        self.change(|contents| {
            if let Some(entry) = contents.hubs.get_mut(&hub.to_string()) {
                entry.person = person.map(str::to_owned);
            }
        })
    }

    /// Removes a session and returns its secret. When the keyring does not give it away, nothing is changed.
    pub(super) fn forget(&self, hub: &HubUrl) -> anyhow::Result<Option<SecretString>> {
        let secret = self.find(hub)?;
        if self.read()?.hubs.get(&hub.to_string()).is_some_and(|entry| entry.secret.is_none()) {
            self.keyring.forget(&self.name(hub))?;
        }
        self.change(|contents| {
            contents.hubs.remove(&hub.to_string());
            if contents.last.as_ref() == Some(&hub.to_string()) {
                contents.last = None;
            }
        })?;
        Ok(secret)
    }

    /// What the keyring calls the session at a hub. Another file has sessions of its own.
    fn name(&self, hub: &HubUrl) -> String {
        format!("{hub} ({})", self.path.display())
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
    use std::sync::{Arc, LazyLock};

    use keyring_core::api::CredentialStore;
    use keyring_core::{Error, mock};

    use super::*;
    use crate::cli::keyring::tests::hangs;

    fn hub(url: &str) -> HubUrl {
        url.parse().expect("a URL")
    }

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    fn shown(found: anyhow::Result<Option<SecretString>>) -> Option<String> {
        found.expect("it is no error").map(|secret| secret.expose_secret().to_owned())
    }

    fn in_folder(folder: &Path) -> Credentials {
        Credentials { path: folder.join("new/countersign").join(FILE), keyring: Keyring::opened_by(no_keyring) }
    }

    fn no_keyring() -> Result<Arc<CredentialStore>, Error> {
        Err(Error::NoDefaultStore)
    }

    #[test]
    fn each_hub_has_its_own_entry_and_the_last_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = in_folder(folder.path());
        let (one, two) = (hub("https://one.example.com/"), hub("https://two.example.com"));
        assert!(shown(file.find(&one)).is_none() && file.last().expect("read").is_none());
        let kept = file.keep(&one, &secret("css_1"), None).expect("kept");
        assert_eq!(kept, Kept::InFile { path: file.path.clone(), because: None });
        file.keep(&two, &secret("css_2"), None).expect("kept");
        file.keep(&one, &secret("css_3"), Some(Place::File)).expect("kept");
        assert_eq!(shown(file.find(&hub("https://one.example.com"))).as_deref(), Some("css_3"));
        assert_eq!(file.last().expect("read"), Some(one.clone()));
        assert_eq!(shown(file.forget(&one)).as_deref(), Some("css_3"));
        assert!(shown(file.find(&one)).is_none() && file.last().expect("read").is_none());
        assert_eq!(shown(file.find(&two)).as_deref(), Some("css_2"));
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(&file.path), mode(file.path.parent().expect("a folder"))), (0o600, 0o700));
    }

    #[test]
    fn a_keyring_comes_before_the_file() {
        fn open() -> Result<Arc<CredentialStore>, Error> {
            static STORE: LazyLock<Arc<mock::Store>> = LazyLock::new(|| mock::Store::new().expect("a store"));
            Ok(STORE.clone())
        }
        let folder = tempfile::tempdir().expect("a folder");
        let one = hub("https://one.example.com");
        // An earlier sign-in, in the file.
        let before = in_folder(folder.path());
        before.keep(&one, &secret("css_1"), None).expect("kept");
        let file = Credentials { keyring: Keyring::opened_by(open), ..before };
        assert_eq!(shown(file.find(&one)).as_deref(), Some("css_1"));
        assert_eq!(file.keep(&one, &secret("css_2"), None).expect("kept"), Kept::InKeyring);
        file.note(&one, Some("dana@example.com")).expect("noted");
        let text = fs::read_to_string(&file.path).expect("a file");
        assert!(!text.contains("css_") && text.contains("dana@example.com"), "{text}");
        assert_eq!(shown(file.find(&one)).as_deref(), Some("css_2"));
        // Another file has sessions of its own, in the same keyring.
        let other = Credentials { path: folder.path().join("other").join(FILE), ..file.clone() };
        assert_eq!(other.keep(&one, &secret("css_3"), Some(Place::Keyring)).expect("kept"), Kept::InKeyring);
        assert_eq!(shown(file.forget(&one)).as_deref(), Some("css_2"));
        assert!(shown(file.find(&one)).is_none());
        // By choice in the file, and then no longer in the keyring.
        other.keep(&one, &secret("css_4"), Some(Place::File)).expect("kept");
        assert!(other.keyring.read(&other.name(&one)).expect("read").is_none());
        assert_eq!(shown(other.forget(&one)).as_deref(), Some("css_4"));
    }

    #[test]
    fn a_keyring_that_refuses_loses_no_secret() {
        fn open() -> Result<Arc<CredentialStore>, Error> {
            static STORE: LazyLock<Arc<mock::Store>> = LazyLock::new(|| mock::Store::new().expect("a store"));
            Ok(STORE.clone())
        }
        let folder = tempfile::tempdir().expect("a folder");
        let one = hub("https://one.example.com");
        let file = Credentials { keyring: Keyring::opened_by(open), ..in_folder(folder.path()) };
        let refuse = || {
            let store = open().expect("a store");
            let entry = store.build("countersign", &file.name(&one), None).expect("an entry");
            let entry: &mock::Cred = entry.as_any().downcast_ref().expect("of the mock");
            entry.set_error(Error::NoStorageAccess("it is locked".into()));
        };
        refuse();
        assert!(file.keep(&one, &secret("css_1"), Some(Place::Keyring)).is_err());
        refuse();
        let kept = file.keep(&one, &secret("css_1"), None).expect("kept");
        assert!(matches!(kept, Kept::InFile { because: Some(because), .. } if because.contains("it is locked")));
        assert_eq!(shown(file.find(&one)).as_deref(), Some("css_1"));
        // What the keyring has is neither lost nor forgotten while it is locked.
        assert_eq!(file.keep(&one, &secret("css_2"), None).expect("kept"), Kept::InKeyring);
        refuse();
        assert!(file.find(&one).is_err());
        refuse();
        assert!(file.forget(&one).is_err());
        let gone = Credentials { keyring: Keyring::opened_by(hangs), ..file.clone() };
        let error = format!("{:#}", gone.forget(&one).expect_err("no keyring"));
        assert!(error.contains("https://one.example.com") && error.contains("countersign login"), "{error}");
        assert_eq!(shown(file.forget(&one)).as_deref(), Some("css_2"));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Credentials { path: folder.path().join(FILE), ..in_folder(folder.path()) };
        file.keep(&hub("https://one.example.com"), &secret("css_1"), None).expect("kept");
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)).expect("set");
            let error = file.find(&hub("https://one.example.com")).expect_err("refused").to_string();
            assert!(error.contains("chmod 600") && !error.contains("css_1"), "{error}");
            assert!(file.keep(&hub("https://two.example.com"), &secret("css_2"), None).is_err());
        }
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o400)).expect("set");
        assert!(file.find(&hub("https://one.example.com")).expect("read").is_some());
    }

    #[test]
    fn an_unreadable_file_is_named_without_what_it_contains() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Credentials { path: folder.path().join(FILE), ..in_folder(folder.path()) };
        fs::write(&file.path, "{\"hubs\": {\"https://one.example.com\": \"css_1\"}}").expect("written");
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o600)).expect("set");
        let error = format!("{:#}", file.last().expect_err("unreadable"));
        assert!(error.contains("countersign login") && !error.contains("css_1"), "{error}");
    }
}
