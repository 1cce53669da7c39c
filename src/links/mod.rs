//! Signed callback links: whoever holds one may look at a request and vote in one slot of it.
//!
//! A token is the URL-safe base64 of fixed-width fields and an HMAC-SHA256 (RFC 2104) over them. No field can be read two ways:
//! widths are fixed, and the one or two texts stand last but one, each behind its length. Signing and checking are pure.

mod keys;
mod token;

pub use keys::{KeyRing, LinkKey, LiveKeys};
pub use token::{Intent, InvalidLink, Link};
