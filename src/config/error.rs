//! Settings that cannot be used.

use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file holds what is no setting.
    #[error("{path}: {detail}")]
    File {
        /// Which.
        path: PathBuf,
        /// Line, column and what is wrong.
        detail: String,
    },
    /// The admin token could be guessed, or could not be sent.
    #[error(
        "COUNTERSIGN_ADMIN_TOKEN (or --admin-token): an admin token has at least 8 visible ASCII characters and no space"
    )]
    AdminToken,
    /// A variable with our prefix that is no setting.
    #[error("the environment variable {name} is no setting of countersign{hint}")]
    Variable {
        /// Which.
        name: String,
        /// What may have been meant.
        hint: String,
    },
}
