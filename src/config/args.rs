//! Settings from flags and environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::identity::IdentityArgs;
use super::network::NetworkArgs;
use super::oidc::OidcArgs;
use super::values::{self, LogFormat, MAX_DELIVERY_SECONDS, MAX_GROUPS_AGE, TargetList};
use crate::approval::MAX_TIMEOUT_SECONDS;

/// Settings from flags and environment.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Settings file [default: countersign.toml, if there is one]
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE", value_parser = values::path)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "COUNTERSIGN_LISTEN", value_name = "ADDR:PORT", value_parser = values::listen)]
    pub listen: Option<SocketAddr>,
    /// URL at which people and systems reach the hub; links begin with it [default: `http://LISTEN`]
    #[arg(long, env = "COUNTERSIGN_PUBLIC_URL", value_name = "URL", value_parser = values::public_url)]
    pub public_url: Option<String>,
    /// `sqlite://FILE` or `postgres://…` [default: countersign.db in the data folder]
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", value_name = "URL", value_parser = values::text, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Folder for the database, the signing keys and the admin token [default: countersign-data]
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "FOLDER", value_parser = values::path)]
    pub data_dir: Option<PathBuf>,
    /// File of the keys that seal the secrets in the database [default: secrets.key in the data folder]
    #[arg(long, env = "COUNTERSIGN_SECRETS_KEY_FILE", value_name = "FILE", value_parser = values::path)]
    pub secrets_key_file: Option<PathBuf>,
    /// Admin token [default: one is created in the data folder]
    #[arg(long, env = ADMIN_TOKEN_VARIABLE, value_name = "TOKEN", hide_env_values = true)]
    pub admin_token: Option<SecretString>,
    /// Seconds that people have to decide, unless the resource sets its own timeout [default: 3600]
    #[arg(long, env = "REVIEW_TIMEOUT_SEC", value_name = "SECONDS", value_parser = |text: &str| values::seconds(text, MAX_TIMEOUT_SECONDS))]
    pub review_timeout_sec: Option<u32>,
    /// Seconds after a sign-in for which the identity provider's groups make a person a member [default: 43200]
    #[arg(long, env = "COUNTERSIGN_GROUPS_MAX_AGE", value_name = "SECONDS", value_parser = |text: &str| values::seconds(text, MAX_GROUPS_AGE))]
    pub groups_max_age: Option<u32>,
    /// Addresses inside your network that the hub may post to: CIDRs or host names, comma-separated [default: none]
    #[arg(long, env = "COUNTERSIGN_ALLOW_TARGETS", value_name = "LIST", value_parser = values::targets)]
    pub allow_targets: Option<Vec<TargetList>>,
    /// Seconds that one delivery attempt may take in total [default: 15]
    #[arg(long, env = "COUNTERSIGN_DELIVERY_TIMEOUT_SEC", value_name = "SECONDS", value_parser = |text: &str| values::seconds(text, MAX_DELIVERY_SECONDS))]
    pub delivery_timeout_sec: Option<u32>,
    /// Folder of message templates that override the built-in ones [default: none]
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER", value_parser = values::path)]
    pub templates_dir: Option<PathBuf>,
    /// What to log, for example info or countersign=debug [default: info,sqlx=warn]
    #[arg(long, env = "COUNTERSIGN_LOG", value_name = "FILTER", value_parser = values::log_filter)]
    pub log: Option<String>,
    /// Create what is missing: a database for existing keys, or keys for a database that has been used
    #[arg(long)]
    pub init: bool,
    /// Format of log lines: text or json [default: text]
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", value_name = "FORMAT", value_parser = values::log_format)]
    pub log_format: Option<LogFormat>,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub oidc: OidcArgs,
}

/// The environment variable of the admin token.
pub const ADMIN_TOKEN_VARIABLE: &str = "COUNTERSIGN_ADMIN_TOKEN";
