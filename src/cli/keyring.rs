//! The keyring of the operating system: the Secret Service on Linux (GNOME Keyring, `KWallet` and others), the keychain on macOS.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use keyring_core::api::CredentialStore;
use keyring_core::{Entry, Error};
use secrecy::{ExposeSecret as _, SecretString};

use super::output;

/// What the keyring calls this program.
const SERVICE: &str = "countersign";
const LIMITS: Limits =
    Limits { opens: Duration::from_secs(2), silent: Duration::from_secs(2), unlocked: Duration::from_secs(28) };

/// Why a keyring does not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyringError {
    /// There is none.
    #[error("there is no keyring: {0}")]
    Absent(String),
    #[error("the keyring refuses: {0}")]
    Refused(String),
    #[error("the keyring did not answer in time: it is probably locked")]
    Late,
}

/// A keyring, which is not opened yet.
#[derive(Clone, Copy)]
pub(super) struct Keyring {
    open: Open,
    limits: Limits,
}

type Open = fn() -> Result<Arc<CredentialStore>, Error>;

#[derive(Clone, Copy)]
struct Limits {
    /// How long a keyring may take to answer at all. Servers have none, and must not wait.
    opens: Duration,
    /// How long it is waited for in silence.
    silent: Duration,
    /// How long it is waited for after that: it may ask for its password.
    unlocked: Duration,
}

impl Keyring {
    /// The keyring of the user.
    pub(super) const fn of_user() -> Self {
        Self { open: of_system, limits: LIMITS }
    }

    /// Keeps a secret under a name.
    pub(super) fn keep(self, name: &str, secret: &SecretString) -> Result<(), KeyringError> {
        let secret = secret.clone();
        self.with(name, move |entry| entry.set_password(secret.expose_secret()))
    }

    /// Reads a secret, if there is one.
    pub(super) fn read(self, name: &str) -> Result<Option<SecretString>, KeyringError> {
        self.with(name, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(secret.into())),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Removes a secret, if there is one.
    pub(super) fn forget(self, name: &str) -> Result<(), KeyringError> {
        self.with(name, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            done => done,
        })
    }

    fn with<T: Send + 'static>(
        self,
        name: &str,
        work: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let Limits { opens, silent, unlocked } = self.limits;
        let opened = aside(self.open).recv_timeout(opens);
        let opened = opened.map_err(|_| KeyringError::Absent("it does not answer".to_owned()))?;
        let store = opened.map_err(|error| KeyringError::Absent(error.to_string()))?;
        let name = name.to_owned();
        let answer = aside(move || work(&store.build(SERVICE, &name, None)?));
        let answered = match answer.recv_timeout(silent) {
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let seconds = unlocked.as_secs();
                output::eprint(&format!("countersign: waiting up to {seconds} s for the keyring: is it locked?"));
                answer.recv_timeout(unlocked)
            }
            answered => answered,
        };
        answered.map_err(|_| KeyringError::Late)?.map_err(|error| KeyringError::Refused(error.to_string()))
    }
}

/// Runs work that may hang. Not as a task of the runtime, which waits for all of them when the program ends.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Without a thread, the receiver learns at once that nobody will send.
    let _thread = thread::Builder::new().name("keyring".to_owned()).spawn(move || sender.send(work()));
    receiver
}

#[cfg(all(target_os = "linux", feature = "keyring"))]
fn of_system() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(all(target_os = "macos", feature = "keyring"))]
fn of_system() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(not(all(any(target_os = "linux", target_os = "macos"), feature = "keyring")))]
fn of_system() -> Result<Arc<CredentialStore>, Error> {
    Err(Error::NotSupportedByStore("this program was built without one".to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl Keyring {
        /// A keyring that is opened in this way, without patience.
        pub(in crate::cli) const fn opened_by(open: Open) -> Self {
            let moment = Duration::from_millis(50);
            Self { open, limits: Limits { opens: moment, silent: moment, unlocked: moment } }
        }
    }

    /// Does not return.
    pub(in crate::cli) fn hangs() -> Result<Arc<CredentialStore>, Error> {
        loop {
            thread::park();
        }
    }

    #[test]
    fn a_keyring_that_does_not_open_is_none() {
        let secret = SecretString::from("css_1");
        for open in [hangs as Open, || Err(Error::NoDefaultStore), || panic!("it broke")] {
            let keyring = Keyring::opened_by(open);
            assert!(matches!(keyring.keep("a", &secret), Err(KeyringError::Absent(_))));
            assert!(matches!(keyring.read("a"), Err(KeyringError::Absent(_))));
            assert!(matches!(keyring.forget("a"), Err(KeyringError::Absent(_))));
        }
    }

    #[test]
    fn a_locked_keyring_is_not_waited_for_without_end() {
        let keyring = Keyring::opened_by(|| Ok(keyring_core::mock::Store::new()?));
        let late = keyring.with("a", |_| -> Result<(), Error> {
            loop {
                thread::park();
            }
        });
        assert!(matches!(late, Err(KeyringError::Late)));
        assert!(matches!(keyring.with("a", |_| Err::<(), _>(Error::NoDefaultStore)), Err(KeyringError::Refused(_))));
    }
}
