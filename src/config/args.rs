//! Settings as flags and environment give them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::values::{self, LogFormat, TargetList};
use crate::approval::MAX_TIMEOUT_SECONDS;

/// Settings as flags and environment give them.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Settings file [default: countersign.toml, if there is one]
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE", value_parser = values::path)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "COUNTERSIGN_LISTEN", value_name = "ADDR:PORT", value_parser = values::listen)]
    pub listen: Option<SocketAddr>,
    /// URL that people and systems reach the hub by; links begin with it [default: `http://LISTEN`]
    #[arg(long, env = "COUNTERSIGN_PUBLIC_URL", value_name = "URL", value_parser = values::public_url)]
    pub public_url: Option<String>,
    /// `sqlite://FILE` or `postgres://…` [default: countersign.db in the data folder]
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", value_name = "URL", value_parser = values::text, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Folder for the database, the signing keys and the admin token [default: countersign-data]
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "FOLDER", value_parser = values::path)]
    pub data_dir: Option<PathBuf>,
    /// Admin token [default: one is made and kept in the data folder]
    #[arg(long, env = ADMIN_TOKEN_VARIABLE, value_name = "TOKEN", hide_env_values = true)]
    pub admin_token: Option<SecretString>,
    /// Seconds that people have to decide, where a resource says nothing else [default: 3600]
    #[arg(long, env = "REVIEW_TIMEOUT_SEC", value_name = "SECONDS", value_parser = |text: &str| values::seconds(text, MAX_TIMEOUT_SECONDS))]
    pub review_timeout_sec: Option<u32>,
    /// Addresses inside your network that may be posted to: CIDRs or host names, comma-separated [default: none]
    #[arg(long, env = "COUNTERSIGN_ALLOW_TARGETS", value_name = "LIST", value_parser = values::targets)]
    pub allow_targets: Option<Vec<TargetList>>,
    /// Seconds that one attempt to deliver may take, all in all [default: 15]
    #[arg(long, env = "COUNTERSIGN_DELIVERY_TIMEOUT_SEC", value_name = "SECONDS", value_parser = |text: &str| values::seconds(text, MAX_DELIVERY_SECONDS))]
    pub delivery_timeout_sec: Option<u32>,
    /// Folder of message templates that take the place of the built-in ones [default: none]
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER", value_parser = values::path)]
    pub templates_dir: Option<PathBuf>,
    /// What to log, for example info or countersign=debug [default: info,sqlx=warn]
    #[arg(long, env = "COUNTERSIGN_LOG", value_name = "FILTER", value_parser = values::log_filter)]
    pub log: Option<String>,
    /// Begin anew where half is missing: make a database beside keys that are there, or keys beside a database that was used
    #[arg(long)]
    pub init: bool,
    /// How log lines look: text or json [default: text]
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", value_name = "FORMAT", value_parser = values::log_format)]
    pub log_format: Option<LogFormat>,
}

/// What the environment calls the admin token that the operator chooses.
pub const ADMIN_TOKEN_VARIABLE: &str = "COUNTERSIGN_ADMIN_TOKEN";

/// Longest time of one attempt to deliver, in seconds.
pub(super) const MAX_DELIVERY_SECONDS: u32 = 120;
