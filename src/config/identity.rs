//! Settings of who people are and how long they stay signed in.

use clap::Args;

use super::file::SettingsFile;
use super::values::{self, MAX_SESSION_SECONDS};

/// Identity settings from flags and environment.
#[derive(Debug, Clone, Default, Args)]
pub struct IdentityArgs {
    /// Seconds after its last use at which a session ends [default: 43200, which is 12 hours]
    #[arg(long, env = "COUNTERSIGN_SESSION_IDLE_SEC", value_name = "SECONDS", value_parser = session)]
    pub session_idle_sec: Option<u32>,
    /// Seconds after the sign-in at which a session ends in any case [default: 604800, which is 7 days]
    #[arg(long, env = "COUNTERSIGN_SESSION_MAX_SEC", value_name = "SECONDS", value_parser = session)]
    pub session_max_sec: Option<u32>,
}

/// The resolved identity settings.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    pub session_idle_seconds: u32,
    pub session_max_seconds: u32,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self { session_idle_seconds: 43_200, session_max_seconds: 604_800 }
    }
}

impl IdentitySettings {
    /// Flags and environment before the file.
    pub(super) fn resolve(args: IdentityArgs, file: &SettingsFile) -> Self {
        let usual = Self::default();
        Self {
            session_idle_seconds: args.session_idle_sec.or(file.session_idle_sec).unwrap_or(usual.session_idle_seconds),
            session_max_seconds: args.session_max_sec.or(file.session_max_sec).unwrap_or(usual.session_max_seconds),
        }
    }
}

fn session(text: &str) -> Result<u32, String> {
    values::seconds(text, MAX_SESSION_SECONDS)
}
