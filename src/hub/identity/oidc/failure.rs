//! Why nobody is signed in after a visit to the provider.

use crate::hub::HubError;
use crate::oidc::OidcError;
use crate::store::StoreError;

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum OidcFailure {
    #[error("no identity provider is configured")]
    NotConfigured,
    /// The state is unknown: it is very old, or was never the hub's.
    #[error("the answer belongs to no sign-in that this hub knows")]
    Unknown,
    #[error("the answer came too late")]
    TooLate,
    /// The state was used before: by the back button, a reload, or somebody else.
    #[error("the answer was already used")]
    Used,
    /// It began in another browser, or the cookie is gone.
    #[error("the sign-in began in another browser")]
    OtherBrowser,
    /// The person pressed cancel at the provider, or may not sign in there.
    #[error("the provider answers access_denied")]
    Cancelled,
    /// The provider refused for another reason.
    #[error("the provider answers {0}")]
    Refused(String),
    /// The provider was told to ask again who it is, and states that it did not.
    #[error("the provider has not asked the person to sign in again: its ID token states an earlier time (auth_time)")]
    NotAskedAgain,
    #[error(transparent)]
    Oidc(#[from] OidcError),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<StoreError> for OidcFailure {
    fn from(error: StoreError) -> Self {
        Self::Hub(error.into())
    }
}
