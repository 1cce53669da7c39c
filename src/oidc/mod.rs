//! OpenID Connect, as a relying party: discovery, keys, the authorization code flow, and the verification of tokens that a
//! provider has signed. It knows neither the hub nor its store: it returns who a provider says somebody is.
//!
//! `jsonwebtoken` reads keys and verifies signatures. The rest of a token is read here: the library refuses a header `Ed25519`,
//! which some providers send. It cannot verify ES512, which hardly any provider offers. The library `openidconnect` is not used:
//! it refuses documents of workload issuers, ID tokens with one claim of another type, and `Ed25519`, and brings seventy crates.

mod claims;
mod client;
mod error;
mod identity;
mod jwk;
mod jws;
mod logout;
mod metadata;
mod provider;
mod transport;

pub use self::client::{ClientAuth, ClientSettings, RelyingParty, Tokens, Verifier};
pub use self::error::{ExchangeError, IdentityError, OidcError, ProviderError, TokenError};
pub use self::identity::{EmailRule, Identity, MAX_GROUPS};
pub use self::logout::LogoutToken;
pub use self::metadata::check_issuer;
pub use self::provider::Provider;
