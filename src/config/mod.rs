//! Settings: flags override the environment, which overrides `countersign.toml`. Unknown and invalid settings are
//! refused, with their place.

mod args;
mod environment;
mod error;
mod file;
mod identity;
mod network;
mod oidc;
mod trusted_issuers;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use self::file::SettingsFile;
use crate::approval::DEFAULT_TIMEOUT_SECONDS;
use crate::delivery::AllowTarget;
use crate::identity::workload::TrustedIssuer;

pub use self::args::{ADMIN_TOKEN_VARIABLE, SettingsArgs};
pub use self::error::SettingsError;
pub use self::identity::{IdentityArgs, IdentitySettings};
pub use self::network::{NetworkArgs, NetworkSettings, RateSettings, TlsFiles};
pub use self::oidc::{OidcArgs, OidcSettings};
pub use self::values::{LogFormat, Scopes, unknown_log_targets};

/// The settings file, in the working directory.
const FILE: &str = "countersign.toml";

/// The resolved settings.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// The URL that links begin with, without a slash at the end; derived from `listen` when absent.
    pub public_url: Option<String>,
    /// The data folder's own database when absent.
    pub database_url: Option<SecretString>,
    pub data_dir: PathBuf,
    /// The file of the keys of stored secrets; the data folder has one when absent.
    pub secrets_key_file: Option<PathBuf>,
    /// The admin token that the operator chose; when absent, one is created in the data folder.
    pub admin_token: Option<SecretString>,
    /// The timeout of requests whose resource has none.
    pub review_timeout_sec: u32,
    /// For how many seconds a sign-in makes a person a member of groups with `from_claim`.
    pub groups_max_age: u32,
    /// The targets inside the network that are allowed.
    pub allow_targets: Vec<AllowTarget>,
    /// The deadline of one attempt.
    pub delivery_timeout_sec: u32,
    /// Templates that override the built-in ones.
    pub templates_dir: Option<PathBuf>,
    /// Whether to create a database for existing keys, or keys for an existing database.
    pub init: bool,
    pub log: String,
    pub log_format: LogFormat,
    pub identity: IdentitySettings,
    pub network: NetworkSettings,
    /// The issuers of the tokens that pipelines exchange.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// The OpenID provider through which people sign in.
    pub oidc: Option<OidcSettings>,
}

impl Settings {
    /// Resolves flags, environment and file.
    ///
    /// # Errors
    /// When the file cannot be read, or it or the environment has an unknown or invalid setting.
    pub fn resolve(args: SettingsArgs) -> Result<Self, SettingsError> {
        environment::check(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))),
        )?;
        let admin_token = args.admin_token.as_ref();
        let admin_token =
            admin_token.map(|token| values::admin_token(token).ok_or(SettingsError::AdminToken)).transpose()?;
        let file = match &args.config {
            Some(path) => SettingsFile::read(path)?,
            None if Path::new(FILE).exists() => SettingsFile::read(Path::new(FILE))?,
            None => SettingsFile::default(),
        };
        let oidc = OidcSettings::resolve(args.oidc, &file)?;
        let network = NetworkSettings::resolve(args.network, &file)?;
        let identity = IdentitySettings::resolve(args.identity, &file);
        let allow_targets = args.allow_targets.map(|lists| lists.into_iter().flat_map(|list| list.0).collect());
        let public_url = args.public_url.or(file.public_url);
        let trusted_issuers = trusted_issuers::check(file.trusted_issuers, public_url.as_deref())
            .map_err(SettingsError::TrustedIssuer)?;
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url,
            database_url: args.database_url.or(file.database_url).map(Into::into),
            data_dir: args.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from("countersign-data")),
            secrets_key_file: args.secrets_key_file.or(file.secrets_key_file),
            admin_token,
            review_timeout_sec: args.review_timeout_sec.or(file.review_timeout_sec).unwrap_or(DEFAULT_TIMEOUT_SECONDS),
            groups_max_age: args.groups_max_age.or(file.groups_max_age).unwrap_or(12 * 3_600),
            allow_targets: allow_targets.or(file.allow_targets).unwrap_or_default(),
            delivery_timeout_sec: args.delivery_timeout_sec.or(file.delivery_timeout_sec).unwrap_or(15),
            templates_dir: args.templates_dir.or(file.templates_dir),
            init: args.init,
            log: args.log.or(file.log).unwrap_or_else(|| "info,sqlx=warn".to_owned()),
            log_format: args.log_format.or(file.log_format).unwrap_or_default(),
            identity,
            network,
            trusted_issuers,
            oidc,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).expect("writes");
        Settings::resolve(SettingsArgs { config: Some(path), ..SettingsArgs::default() })
    }

    #[test]
    fn flags_override_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nreview_timeout_sec = 60\nallow_targets = [\"10.0.0.0/8\"]")
            .expect("writes");
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 2)));
        let args = SettingsArgs { config: Some(path), listen, ..SettingsArgs::default() };
        let settings = Settings::resolve(args).expect("resolves");
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.review_timeout_sec, 60);
        assert_eq!(settings.allow_targets.len(), 1);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_file() {
        assert_eq!(file("\u{feff}review_timeout_sec = 60").expect("resolves").review_timeout_sec, 60);
    }

    #[test]
    fn invalid_settings_are_refused_with_their_place() {
        for (text, place) in [
            ("listen = \"127.0.0.1:1\"\nlisten_on = 3", "line 2"),
            ("\nlisten = \"nowhere\"", "line 2"),
            ("review_timeout_sec = 0", "line 1"),
            ("public_url = \"https://x/y\"", "line 1"),
            ("allow_targets = [\"not a host\"]", "line 1"),
            ("delivery_timeout_sec = 500", "line 1"),
            ("review_timeout_sec = -1", "line 1"),
            ("log = \"inof\"", "line 1"),
            ("\noidc_issuer = \"login.example.com\"", "line 2"),
            ("oidc_client_auth = \"basic\"", "line 1"),
            ("oidc_scopes = \"profile\"", "line 1"),
            ("oidc_email_verified = \"no\"", "line 1"),
            ("rate_limit_token = -1", "line 1"),
            ("rate_limit_failures = 6000001", "line 1"),
            ("\ntrusted_proxies = [\"proxy.example.com\"]", "line 2"),
        ] {
            let error = file(text).expect_err(text).to_string();
            assert!(error.contains(place) && error.contains("settings.toml"), "{error}");
        }
    }
}
