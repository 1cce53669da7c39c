//! Sign-in through the company's `OpenID` provider.
//!
//! 1. [`Hub::begin_oidc`](begin) stores a row for the sign-in and returns the provider's URL. The row is found by a digest of
//!    the `state`, and bound to the browser by a cookie.
//! 2. [`Hub::finish_oidc`](finish) uses up the row, exchanges the code, verifies the tokens, and starts a session. Until then
//!    nothing is signed in.
//! 3. [`logout`]: the provider says that somebody has signed out there.
//!
//! Nonce and PKCE verifier are derived from the cookie and the state. So several replicas can serve one sign-in, and nothing
//! in the database helps to redeem a code.

mod begin;
mod failure;
mod finish;
mod logout;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::failure::OidcFailure;
pub use self::finish::{OidcAnswer, OidcFinish};
pub use self::logout::LogoutFailure;
use crate::oidc::Verifier;

/// What belongs to one sign-in, and is only known where its cookie is.
struct Derived {
    nonce: String,
    verifier: Verifier,
}

impl Derived {
    fn of(browser: &str, state: &str) -> Self {
        Self {
            nonce: derive(browser, b"countersign oidc nonce 1\0", state),
            verifier: Verifier::stored(derive(browser, b"countersign oidc verifier 1\0", state)),
        }
    }
}

/// 256 bits as URL-safe text.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn derive(browser: &str, purpose: &[u8], state: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(browser.as_bytes()).expect("any length is a key");
    mac.update(purpose);
    mac.update(state.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}
