//! The keys that links and form nonces are signed with.

use std::sync::{Arc, PoisonError, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

/// One signing key.
#[derive(Debug)]
pub struct LinkKey {
    /// Names the key inside a token.
    pub id: u32,
    /// 256 random bits.
    pub secret: SecretBox<[u8; 32]>,
}

/// All live keys: the first signs, any checks. They can be replaced while the hub runs.
#[derive(Debug)]
pub struct KeyRing {
    /// Held for a copy of the pointer.
    live: RwLock<Arc<LiveKeys>>,
}

/// The keys of one moment.
#[derive(Debug)]
pub struct LiveKeys {
    signing: LinkKey,
    older: Vec<LinkKey>,
}

/// What a key signs, so that a signature made for one purpose is worth nothing for another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Link,
    Form,
    Fingerprint,
}

impl KeyRing {
    /// A ring of these keys.
    pub fn new(keys: LiveKeys) -> Self {
        Self { live: RwLock::new(Arc::new(keys)) }
    }

    /// Puts other keys in place of those there are.
    pub fn replace(&self, keys: LiveKeys) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// What tells the keys from others, without telling anything of them: number and a part of a tag, the signing key's first.
    pub fn fingerprints(&self) -> Vec<String> {
        let live = self.live();
        std::iter::once(&live.signing).chain(&live.older).map(LinkKey::fingerprint).collect()
    }

    /// The keys of this moment: whoever signs names the key and signs with the same.
    pub(super) fn live(&self) -> Arc<LiveKeys> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LiveKeys {
    /// `signing` signs, and `older` are still honoured.
    pub const fn new(signing: LinkKey, older: Vec<LinkKey>) -> Self {
        Self { signing, older }
    }

    pub(super) const fn signing_id(&self) -> u32 {
        self.signing.id
    }

    /// The tag of `message` under the signing key.
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
