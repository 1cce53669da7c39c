//! OpenID Connect, as a relying party: discovery, keys, the authorization code flow, and the verification of tokens that a
//! provider has signed. It knows neither the hub nor its store: it returns who a provider says somebody is.
//!
//! Signatures are verified by `aws-lc-rs`, the hub's own cryptography. The library `openidconnect` was tried first. It reads
//! no discovery document without an authorization endpoint (workload issuers have none), no ID token in which one standard
//! claim has another type, and no `Ed25519` header; and it would bring seventy crates, one of them with an advisory.

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
