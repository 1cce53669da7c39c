//! Settings that cannot be used.

use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the settings file {path}")]
    Read {
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
    /// The file has an unknown or invalid setting.
    #[error("{path}: {detail}")]
    File {
        path: PathBuf,
        /// Line, column and what is wrong.
        detail: String,
    },
    /// The admin token could be guessed, or cannot be sent in a header.
    #[error(
        "COUNTERSIGN_ADMIN_TOKEN (or --admin-token): an admin token must have at least 8 visible ASCII characters, without spaces"
    )]
    AdminToken,
    /// A certificate without its key, or the reverse.
    #[error("{has} is set without {lacks}: the hub speaks HTTPS with a certificate and its key, so set both or none")]
    HalfTls { has: &'static str, lacks: &'static str },
    /// Settings of the OpenID provider that do not fit together.
    #[error("sign-in: {0}")]
    Oidc(String),
    /// An unknown variable with the hub's prefix.
    #[error("the environment variable {name} is not a setting of countersign{hint}")]
    Variable {
        name: String,
        /// The known variables.
        hint: String,
    },
    /// A trusted issuer that would trust too many, or cannot be used.
    #[error("{0}")]
    TrustedIssuer(String),
}
