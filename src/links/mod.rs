//! Signed callback links: the holder of one may see a request and vote in one slot of it.
//!
//! A token is the URL-safe base64 of fixed-width fields, one or two texts with their lengths, and an HMAC-SHA256 (RFC
//! 2104) over all of it. So no field can be read in two ways. Signing and verifying need no I/O.

mod form_nonce;
mod keys;
mod token;

pub use form_nonce::{FORM_LIFE, check_form_nonce, form_nonce};
pub use keys::{KeyRing, LinkKey, LiveKeys};
pub use token::{Intent, InvalidLink, Link};
