//! One key, and its id.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::random;

/// Identifies a key. It is derived from the key, so that two keys never share one by mistake, and reveals nothing of
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

/// A text is not the id of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a key has eight hexadecimal digits")]
pub struct BadKeyId;

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    /// It takes any nonce; each is random here.
    cipher: std::sync::Arc<LessSafeKey>,
}

impl SealingKey {
    /// Creates a key of 256 random bits. None: the cipher refuses it, which does not happen.
    pub fn new(secret: &[u8; 32]) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(b"countersign secrets key 1\0");
        let tag = mac.finalize().into_bytes();
        let id = KeyId(*tag.first_chunk()?);
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, secret).ok()?);
        Some(Self { id, cipher: std::sync::Arc::new(cipher) })
    }

    /// The id of the key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The nonce, the ciphertext and the tag.
    pub(super) fn seal(&self, place: &str, text: &[u8]) -> Option<Vec<u8>> {
        let nonce = random::bytes::<NONCE_LEN>();
        let mut sealed = text.to_vec();
        let (nonce_value, place) = (Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()));
        self.cipher.seal_in_place_append_tag(nonce_value, place, &mut sealed).ok()?;
        sealed.splice(0..0, nonce);
        Some(sealed)
    }

    pub(super) fn open(&self, place: &str, sealed: Vec<u8>) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let (nonce, place) = (Nonce::assume_unique_for_key(*nonce), Aad::from(place.as_bytes()));
        let length = self.cipher.open_in_place(nonce, place, &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = BadKeyId;

    fn from_str(text: &str) -> Result<Self, BadKeyId> {
        let mut id = [0; 4];
        hex::decode_to_slice(text, &mut id).map_err(|_| BadKeyId)?;
        // One spelling only.
        if text.bytes().any(|digit| digit.is_ascii_uppercase()) { Err(BadKeyId) } else { Ok(Self(id)) }
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
