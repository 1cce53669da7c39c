//! The keys that sign links and form nonces.

use std::sync::{Arc, PoisonError, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

/// One signing key.
#[derive(Debug)]
pub struct LinkKey {
    /// Identifies the key inside a token.
    pub id: u32,
    /// 256 random bits.
    pub secret: SecretBox<[u8; 32]>,
}

/// All valid keys: one signs, and each verifies. They can be replaced while the hub runs.
#[derive(Debug)]
pub struct KeyRing {
    /// Locked only to copy the pointer.
    live: RwLock<Arc<LiveKeys>>,
}

/// The keys at one time.
#[derive(Debug)]
pub struct LiveKeys {
    signing: LinkKey,
    older: Vec<LinkKey>,
}

/// What a signature is for: a signature made for one purpose is invalid for another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Link,
    Form,
    Fingerprint,
}

impl KeyRing {
    /// Creates a key ring.
    pub fn new(keys: LiveKeys) -> Self {
        Self { live: RwLock::new(Arc::new(keys)) }
    }

    /// Replaces all keys.
    pub fn replace(&self, keys: LiveKeys) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Returns a fingerprint of each key, the signing key first: its id and a part of an HMAC, which reveals nothing
    /// of the secret.
    pub fn fingerprints(&self) -> Vec<String> {
        let live = self.live();
        std::iter::once(&live.signing).chain(&live.older).map(LinkKey::fingerprint).collect()
    }

    /// Returns the current keys. A signer reads the id and signs with the same copy, even if the ring changes
    /// meanwhile.
    pub(super) fn live(&self) -> Arc<LiveKeys> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LiveKeys {
    /// Creates keys of which `signing` signs, and all are accepted.
    pub const fn new(signing: LinkKey, older: Vec<LinkKey>) -> Self {
        Self { signing, older }
    }

    pub(super) const fn signing_id(&self) -> u32 {
        self.signing.id
    }

    /// Returns the tag of `message` under the signing key.
    pub(super) fn sign(&self, purpose: Purpose, message: &[u8]) -> [u8; 32] {
        self.signing.mac(purpose, message).finalize().into_bytes().into()
    }

    /// Whether `tag` is the tag of `message` under key `id`, in constant time.
    pub(super) fn verify(&self, id: u32, purpose: Purpose, message: &[u8], tag: &[u8]) -> bool {
        std::iter::once(&self.signing)
            .chain(&self.older)
            .find(|key| key.id == id)
            .is_some_and(|key| key.mac(purpose, message).verify_slice(tag).is_ok())
    }
}

impl LinkKey {
    fn fingerprint(&self) -> String {
        let tag = self.mac(Purpose::Fingerprint, b"").finalize().into_bytes();
        let (start, _) = tag.split_at(8);
        format!("{}:{}", self.id, hex::encode(start))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, purpose: Purpose, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret()).expect("any length is a key");
        mac.update(match purpose {
            Purpose::Link => b"countersign link 1\0",
            Purpose::Form => b"countersign form 1\0",
            Purpose::Fingerprint => b"countersign keys 1\0",
        });
        mac.update(message);
        mac
    }
}
