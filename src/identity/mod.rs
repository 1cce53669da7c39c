//! Callers and their rights: tokens, sessions, their secrets, scopes, and the rights of each scope.
//!
//! [`Right`] is the table of what each scope may do. It is checked twice: the router checks the right of a route before
//! it reads the body, and the service checks it again, because a service can be called by more than HTTP. The services
//! also check which requests and resources the right covers.

mod device;
mod principal;
mod rights;
pub mod scim;
mod session;
mod token;
pub mod workload;

pub use device::{
    CodeRefusal, DEVICE_CODE_LIFETIME, Device, DeviceAuthorization, DeviceState, POLL_INTERVAL, PollPace, PollRefusal,
    UserCode,
};
pub use principal::Principal;
pub use rights::{Right, Scope};
pub use session::{ClientInfo, ProviderSession, Session, SessionKind, SignInMethod, rights_of_person};
pub use token::{
    BootstrapToken, SecretForm, Token, digest_of_secret, form_of_secret, is_session_secret, is_workload_secret,
    new_session_secret, new_token_secret, new_workload_secret,
};
