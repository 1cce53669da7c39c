//! Who people are, and how the hub learns of them.

mod claims;
mod provisioning;
mod sessions;
mod sign_in;

pub use provisioning::{MAX_GROUPS, MAX_USERS, Part};
pub use sessions::{SessionView, SignIn, StartedSession};
pub use sign_in::{NewSignInLink, SignInLinkInput, SignInOffer};
