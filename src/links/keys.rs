//! The keys that links and form nonces are signed with.

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

/// All live keys: the first signs, any checks.
#[derive(Debug)]
pub struct KeyRing {
    signing: LinkKey,
    older: Vec<LinkKey>,
}

/// What a key signs, so that a signature made for one purpose is worth nothing for another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Link,
    Form,
}

impl KeyRing {
    /// A ring that signs with `signing` and still honours `older`.
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
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, purpose: Purpose, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret()).expect("any length is a key");
        mac.update(match purpose {
            Purpose::Link => b"countersign link 1\0",
            Purpose::Form => b"countersign form 1\0",
        });
        mac.update(message);
        mac
    }
}
