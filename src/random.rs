//! Random bytes from the operating system: secrets, nonces, and the jitter of retries.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `N` unpredictable bytes.
///
/// # Panics
/// When the operating system returns no random bytes: secrets would be predictable.
#[expect(clippy::expect_used, reason = "without random bytes, no secret or signature would be secure")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system returns random bytes");
    bytes
}

/// A secret of 256 bits as URL-safe text without padding (RFC 4648 §5).
pub fn secret_text() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// An unpredictable number from 1 to 2⁵³ − 1: the largest range that every JSON reader represents exactly (RFC 8259
/// §6).
pub fn number() -> u64 {
    (u64::from_le_bytes(bytes()) >> 11).max(1)
}

/// A fraction in `[0, 1)`.
pub fn fraction() -> f64 {
    // An f64 represents 53 bits exactly.
    let bits = u64::from_le_bytes(bytes()) >> 11;
    let numerator = bits as f64;
    numerator / (1_u64 << 53) as f64
}
