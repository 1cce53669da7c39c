//! Callers and their rights: tokens, their secrets, scopes, and the rights of each scope.
//!
//! [`Right`] is the table of what each scope may do. It is checked twice: the router checks the right of a route before
//! it reads the body, and the service checks it again, because a service can be called by more than HTTP. The services
//! also check which requests and resources the right covers.

mod principal;
mod rights;
pub mod scim;
mod token;

pub use principal::Principal;
pub use rights::{Right, Scope};
pub use token::{BootstrapToken, SecretForm, Token, digest_of_secret, form_of_secret, new_token_secret};
