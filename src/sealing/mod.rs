//! Sealing of the secrets that the hub stores, so that a copy of its database does not contain them.
//!
//! A sealed value is `sealed:1:KEY:TEXT`: the version of the format, the id of the key, and in base64 the nonce, the
//! ciphertext and the tag. The cipher is AES-256-GCM-SIV. Unlike AES-GCM, a repeated nonce reveals no more than that two
//! values are equal, so random nonces are safe for any number of values. The place of a value (table, row and column) is
//! authenticated: a value that was moved to another place does not open.
//!
//! No value that is stored in clear begins with `sealed:`: they are URLs, JSON, or begin with `whsec_`.

mod key;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

pub use self::key::{BadKeyId, KeyId, SealingKey};

/// The beginning of every sealed value.
const MARK: &str = "sealed:";
/// The beginning of sealed values in the format of this version.
const FORMAT: &str = "sealed:1:";

/// The place of a value in the database.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    pub table: &'static str,
    /// The row's key.
    pub row: &'p str,
    pub column: &'static str,
}

/// Why a value cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Values are sealed with a key that this hub does not have.
    #[error(
        "the database's secrets are sealed with key {0}, which this hub does not have: add that key to its secrets.key"
    )]
    NoKey(KeyId),
    #[error("the cipher failed")]
    Cipher,
}

/// Why a sealed value cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it is sealed in a format of a newer version")]
    Format,
    #[error("it is sealed with key {0}, which this hub does not have: add that key to its secrets.key")]
    NoKey(KeyId),
    #[error("its sealed text is damaged")]
    Damaged,
    #[error("key {0} does not open it: it was changed, or moved here from another place")]
    Refused(KeyId),
}

/// The keys of a hub: one seals, and each opens. They can be replaced while the hub runs.
#[derive(Debug, Default)]
pub struct SealingKeys {
    /// Locked only to copy the pointer.
    state: RwLock<Arc<State>>,
    /// How often the keys were replaced.
    replaced: AtomicU64,
}

#[derive(Debug, Clone, Default)]
struct State {
    keys: Arc<[SealingKey]>,
    sealing: Option<KeyId>,
}

impl SealingKeys {
    /// Replaces all keys; the newest is first.
    pub fn replace(&self, keys: Vec<SealingKey>) {
        self.change(|state| state.keys = keys.into());
        self.replaced.fetch_add(1, Ordering::Release);
    }

    /// How often the keys were replaced, to detect a change.
    pub fn generation(&self) -> u64 {
        self.replaced.load(Ordering::Acquire)
    }

    /// Seals with this key from now on. None: values are stored in clear.
    pub fn seal_with(&self, key: Option<KeyId>) {
        self.change(|state| state.sealing = key);
    }

    /// The id of the key that seals. None: values are stored in clear.
    pub fn sealing(&self) -> Option<KeyId> {
        self.state().sealing
    }

    /// The ids of the keys, the newest first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.state().keys.iter().map(SealingKey::id).collect()
    }

    /// Seals a value for its place; returns it in clear when no key seals yet.
    ///
    /// # Errors
    /// When this hub does not have the key that seals.
    pub fn seal(&self, place: Place<'_>, text: &str) -> Result<String, SealError> {
        let state = self.state();
        let Some(id) = state.sealing else { return Ok(text.to_owned()) };
        let key = state.key(id).ok_or(SealError::NoKey(id))?;
        let sealed = key.seal(&place.name(), text.as_bytes()).ok_or(SealError::Cipher)?;
        Ok(format!("{FORMAT}{id}:{}", STANDARD_NO_PAD.encode(sealed)))
    }

    /// Opens a value of this place. A value in clear is returned as it is.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self, place: Place<'_>, stored: String) -> Result<String, OpenError> {
        if !is_sealed(&stored) {
            return Ok(stored);
        }
        let (id, text) = stored.strip_prefix(FORMAT).and_then(|rest| rest.split_once(':')).ok_or(OpenError::Format)?;
        let id: KeyId = id.parse().map_err(|BadKeyId| OpenError::Damaged)?;
        let state = self.state();
        let key = state.key(id).ok_or(OpenError::NoKey(id))?;
        let sealed = STANDARD_NO_PAD.decode(text).map_err(|_| OpenError::Damaged)?;
        let opened = key.open(&place.name(), sealed).ok_or(OpenError::Refused(id))?;
        String::from_utf8(opened).map_err(|_| OpenError::Damaged)
    }

    /// Whether a stored value is as [`Self::seal`] would store it now.
    pub fn is_current(&self, stored: &str) -> bool {
        match self.sealing() {
            None => true,
            Some(id) => {
                let rest = stored.strip_prefix(FORMAT).and_then(|rest| rest.strip_prefix(&id.to_string()));
                rest.is_some_and(|rest| rest.starts_with(':'))
            }
        }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut state));
    }
}

/// Whether a stored value is sealed.
pub fn is_sealed(stored: &str) -> bool {
    stored.starts_with(MARK)
}

impl State {
    fn key(&self, id: KeyId) -> Option<&SealingKey> {
        self.keys.iter().find(|key| key.id() == id)
    }
}

impl Place<'_> {
    /// The text that is authenticated with the value. None of its parts contains a NUL.
    fn name(&self) -> String {
        format!("countersign sealed 1\0{}\0{}\0{}", self.table, self.row, self.column)
    }
}

#[cfg(test)]
mod tests;
