//! Settings: flags over environment over `countersign.toml`. What is unknown or cannot be meant is refused with the place where
//! it stands.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::approval::{DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS};
use crate::delivery::AllowTarget;

/// The settings file looked for where the hub is started.
const FILE: &str = "countersign.toml";
/// Every variable of ours, so that a misspelt one is noticed.
const VARIABLES: [&str; 13] = [
    "COUNTERSIGN_ADMIN_TOKEN",
    "COUNTERSIGN_ALLOW_TARGETS",
    "COUNTERSIGN_CONFIG",
    "COUNTERSIGN_DATABASE_URL",
    "COUNTERSIGN_DATA_DIR",
    "COUNTERSIGN_DELIVERY_TIMEOUT_SEC",
    "COUNTERSIGN_LISTEN",
    "COUNTERSIGN_LOG",
    "COUNTERSIGN_LOG_FORMAT",
    "COUNTERSIGN_PUBLIC_URL",
    "COUNTERSIGN_TEMPLATES_DIR",
    "COUNTERSIGN_TOKEN",
    "COUNTERSIGN_URL",
];

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// Settings as flags and environment give them.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// Settings file [default: countersign.toml, if there is one]
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "COUNTERSIGN_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// URL that people and systems reach the hub by; links begin with it [default: `http://LISTEN`]
    #[arg(long, env = "COUNTERSIGN_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    pub public_url: Option<String>,
    /// `sqlite://FILE` or `postgres://…` [default: countersign.db in the data folder]
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Folder for the database, the signing keys and the admin token [default: countersign-data]
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Admin token [default: one is made and kept in the data folder]
    #[arg(long, env = "COUNTERSIGN_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub admin_token: Option<SecretString>,
    /// Seconds that people have to decide, where a resource says nothing else [default: 3600]
    #[arg(long, env = "REVIEW_TIMEOUT_SEC", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TIMEOUT_SECONDS)))]
    pub review_timeout_sec: Option<u32>,
    /// Addresses inside your network that may be posted to: CIDRs or host names, comma-separated [default: none]
    #[arg(long, env = "COUNTERSIGN_ALLOW_TARGETS", value_name = "LIST", value_delimiter = ',', value_parser = parse_target)]
    pub allow_targets: Option<Vec<AllowTarget>>,
    /// Seconds that one attempt to deliver may take, all in all [default: 15]
    #[arg(long, env = "COUNTERSIGN_DELIVERY_TIMEOUT_SEC", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=120))]
    pub delivery_timeout_sec: Option<u32>,
    /// Folder of message templates that take the place of the built-in ones [default: none]
    #[arg(long, env = "COUNTERSIGN_TEMPLATES_DIR", value_name = "FOLDER")]
    pub templates_dir: Option<PathBuf>,
    /// What to log, for example info or countersign=debug [default: info,sqlx=warn]
    #[arg(long, env = "COUNTERSIGN_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Settings as the file gives them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    listen: Option<SocketAddr>,
    #[serde(default, deserialize_with = "public_url")]
    public_url: Option<String>,
    database_url: Option<String>,
    data_dir: Option<PathBuf>,
    #[serde(default, deserialize_with = "timeout")]
    review_timeout_sec: Option<u32>,
    #[serde(default, deserialize_with = "targets")]
    allow_targets: Option<Vec<AllowTarget>>,
    #[serde(default, deserialize_with = "delivery_timeout")]
    delivery_timeout_sec: Option<u32>,
    templates_dir: Option<PathBuf>,
    log: Option<String>,
    log_format: Option<LogFormat>,
}

/// Settings, settled.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What links begin with, without a slash at the end; from `listen` when absent.
    pub public_url: Option<String>,
    /// Which database; the data folder's own when absent.
    pub database_url: Option<SecretString>,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The operator's admin token; one is kept in the data folder when absent.
    pub admin_token: Option<SecretString>,
    /// Deadline of requests whose resource names none.
    pub review_timeout_sec: u32,
    /// What may be posted to inside the network.
    pub allow_targets: Vec<AllowTarget>,
    /// Longest time of one attempt.
    pub delivery_timeout_sec: u32,
    /// Templates that take the place of the built-in ones.
    pub templates_dir: Option<PathBuf>,
    /// What to log.
    pub log: String,
    /// How.
    pub log_format: LogFormat,
}

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
    /// A variable of ours that is none.
    #[error("the environment variable {name} is no setting of countersign{hint}")]
    Variable {
        /// Which.
        name: String,
        /// What may have been meant.
        hint: String,
    },
}

impl Settings {
    /// Settles flags, environment and file.
    ///
    /// # Errors
    /// When the file cannot be read, or something unknown stands in it or in the environment.
    pub fn resolve(args: SettingsArgs) -> Result<Self, SettingsError> {
        args.admin_token.as_ref().map_or(Ok(()), check_token)?;
        check_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let file = match &args.config {
            Some(path) => read_file(path)?,
            None if Path::new(FILE).exists() => read_file(Path::new(FILE))?,
            None => SettingsFile::default(),
        };
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url: args.public_url.or(file.public_url),
            database_url: args.database_url.or(file.database_url).map(Into::into),
            data_dir: args.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from("countersign-data")),
            admin_token: args.admin_token,
            review_timeout_sec: args.review_timeout_sec.or(file.review_timeout_sec).unwrap_or(DEFAULT_TIMEOUT_SECONDS),
            allow_targets: args.allow_targets.or(file.allow_targets).unwrap_or_default(),
            delivery_timeout_sec: args.delivery_timeout_sec.or(file.delivery_timeout_sec).unwrap_or(15),
            templates_dir: args.templates_dir.or(file.templates_dir),
            log: args.log.or(file.log).unwrap_or_else(|| "info,sqlx=warn".to_owned()),
            log_format: args.log_format.or(file.log_format).unwrap_or_default(),
        })
    }
}

fn read_file(path: &Path) -> Result<SettingsFile, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|cause| SettingsError::Read { path: path.to_owned(), cause })?;
    toml::from_str(&text)
        .map_err(|error| SettingsError::File { path: path.to_owned(), detail: error.to_string().trim_end().to_owned() })
}

fn check_variables(names: impl Iterator<Item = String>) -> Result<(), SettingsError> {
    for name in names {
        if name.starts_with("COUNTERSIGN_") && !VARIABLES.contains(&name.as_str()) {
            let hint = format!("; there are {}", VARIABLES.join(", "));
            return Err(SettingsError::Variable { name, hint });
        }
    }
    Ok(())
}

fn parse_public_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text)
        .map_err(|error| format!("not a URL ({error}): expected https://approvals.example.com"))?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if !plain || url.host().is_none() || url.path() != "/" {
        return Err("expected scheme and host only, such as https://approvals.example.com".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn parse_target(text: &str) -> Result<AllowTarget, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is neither a CIDR such as 10.1.0.0/16 nor a host name"))
}

/// Checked here and not by the command line's reader, which would print what it refuses.
fn check_token(token: &SecretString) -> Result<(), SettingsError> {
    let text = token.expose_secret();
    if text.len() < 8 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SettingsError::AdminToken);
    }
    Ok(())
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_public_url(&text).map(Some).map_err(serde::de::Error::custom)
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    bounded(deserializer, MAX_TIMEOUT_SECONDS)
}

fn delivery_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    bounded(deserializer, 120)
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D, max: u32) -> Result<Option<u32>, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    if (1..=max).contains(&seconds) {
        return Ok(Some(seconds));
    }
    Err(serde::de::Error::custom(format!("{seconds} is not between 1 and {max} seconds")))
}

fn targets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<AllowTarget>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let targets = texts.iter().map(|text| parse_target(text)).collect::<Result<_, _>>();
    targets.map(Some).map_err(serde::de::Error::custom)
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
    fn flags_are_stronger_than_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nreview_timeout_sec = 60\nallow_targets = [\"10.0.0.0/8\"]")
            .expect("writes");
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 2)));
        let args = SettingsArgs { config: Some(path), listen, ..SettingsArgs::default() };
        let settings = Settings::resolve(args).expect("settles");
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.review_timeout_sec, 60);
        assert_eq!(settings.allow_targets.len(), 1);
    }

    #[test]
    fn trouble_is_refused_with_its_place() {
        for (text, place) in [
            ("listen = \"127.0.0.1:1\"\nlisten_on = 3", "line 2"),
            ("\nlisten = \"nowhere\"", "line 2"),
            ("review_timeout_sec = 0", "line 1"),
            ("public_url = \"https://x/y\"", "line 1"),
            ("allow_targets = [\"not a host\"]", "line 1"),
            ("delivery_timeout_sec = 500", "line 1"),
        ] {
            let error = file(text).expect_err(text).to_string();
            assert!(error.contains(place) && error.contains("settings.toml"), "{error}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_noticed() {
        let names = ["PATH", "COUNTERSIGN_LISTN"].map(str::to_owned);
        let error = check_variables(names.into_iter()).expect_err("unknown").to_string();
        assert!(error.contains("COUNTERSIGN_LISTN") && error.contains("COUNTERSIGN_LISTEN"), "{error}");
    }
}
