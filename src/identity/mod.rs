//! Who calls, and what they may do: tokens and their secrets, scopes, and the rights that a scope gives.
//!
//! [`Right`] is the one table of who may do what. The router names the right of each route, and each service asks for the same one, so
//! that a service is as safe when something else than HTTP calls it. What a right is about (whose request, which resource) is decided
//! by the services.

mod principal;
mod rights;
mod token;

pub use principal::Principal;
pub use rights::{Right, Scope};
pub use token::{BootstrapToken, SecretForm, Token, digest_of_secret, form_of_secret, new_token_secret};
