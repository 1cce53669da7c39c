//! Settings from `countersign.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::error::SettingsError;
use super::trusted_issuers::IssuerEntry;
use super::values;
use super::values::{LogFormat, MAX_DELIVERY_SECONDS, MAX_GROUPS_AGE, MAX_SESSION_SECONDS, Scopes};
use crate::approval::MAX_TIMEOUT_SECONDS;
use crate::delivery::AllowTarget;
use crate::oidc::{ClientAuth, EmailRule};
use crate::shape::{Shaped, without_mark};

/// The settings of a file; each is parsed like the flag of the same name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SettingsFile {
    #[serde(deserialize_with = "listen")]
    pub(super) listen: Option<SocketAddr>,
    #[serde(deserialize_with = "public_url")]
    pub(super) public_url: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) database_url: Option<String>,
    #[serde(deserialize_with = "path")]
    pub(super) data_dir: Option<PathBuf>,
    #[serde(deserialize_with = "path")]
    pub(super) secrets_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "timeout")]
    pub(super) review_timeout_sec: Option<u32>,
    #[serde(deserialize_with = "groups_age")]
    pub(super) groups_max_age: Option<u32>,
    #[serde(deserialize_with = "targets")]
    pub(super) allow_targets: Option<Vec<AllowTarget>>,
    #[serde(deserialize_with = "delivery_timeout")]
    pub(super) delivery_timeout_sec: Option<u32>,
    #[serde(deserialize_with = "path")]
    pub(super) templates_dir: Option<PathBuf>,
    #[serde(deserialize_with = "log_filter")]
    pub(super) log: Option<String>,
    #[serde(deserialize_with = "log_format")]
    pub(super) log_format: Option<LogFormat>,
    #[serde(deserialize_with = "session")]
    pub(super) session_idle_sec: Option<u32>,
    #[serde(deserialize_with = "session")]
    pub(super) session_max_sec: Option<u32>,
    #[serde(deserialize_with = "proxies")]
    pub(super) trusted_proxies: Option<Vec<IpNet>>,
    #[serde(deserialize_with = "path")]
    pub(super) tls_cert: Option<PathBuf>,
    #[serde(deserialize_with = "path")]
    pub(super) tls_key: Option<PathBuf>,
    pub(super) trusted_issuers: Vec<IssuerEntry>,
    #[serde(deserialize_with = "rate")]
    pub(super) rate_limit_address: Option<u32>,
    #[serde(deserialize_with = "rate")]
    pub(super) rate_limit_token: Option<u32>,
    #[serde(deserialize_with = "rate")]
    pub(super) rate_limit_failures: Option<u32>,
    #[serde(deserialize_with = "issuer")]
    pub(super) oidc_issuer: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) oidc_client_id: Option<String>,
    #[serde(deserialize_with = "path")]
    pub(super) oidc_client_secret_file: Option<PathBuf>,
    #[serde(deserialize_with = "client_auth")]
    pub(super) oidc_client_auth: Option<ClientAuth>,
    #[serde(deserialize_with = "scopes")]
    pub(super) oidc_scopes: Option<Scopes>,
    #[serde(deserialize_with = "text")]
    pub(super) oidc_email_claim: Option<String>,
    #[serde(deserialize_with = "email_rule")]
    pub(super) oidc_email_verified: Option<EmailRule>,
    #[serde(deserialize_with = "text")]
    pub(super) oidc_groups_claim: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) oidc_name: Option<String>,
}

impl SettingsFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, SettingsError> {
        let text =
            std::fs::read_to_string(path).map_err(|cause| SettingsError::Read { path: path.to_owned(), cause })?;
        Self::parse(without_mark(&text)).map_err(|error| SettingsError::File {
            path: path.to_owned(),
            detail: error.to_string().trim_end().to_owned(),
        })
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        Self::deserialize(Shaped(toml::Deserializer::parse(text)?)).map_err(|mut error| {
            error.set_input(Some(text));
            error
        })
    }
}

/// Parses a string as a setting.
fn setting<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).map(Some).map_err(serde::de::Error::custom)
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    setting(deserializer, values::listen)
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    setting(deserializer, values::public_url)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    setting(deserializer, values::text)
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    setting(deserializer, values::path)
}

fn log_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LogFormat>, D::Error> {
    setting(deserializer, values::log_format)
}

fn log_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    setting(deserializer, values::log_filter)
}

fn issuer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    setting(deserializer, values::issuer)
}

fn client_auth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ClientAuth>, D::Error> {
    setting(deserializer, values::client_auth)
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Scopes>, D::Error> {
    setting(deserializer, values::scopes)
}

fn email_rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EmailRule>, D::Error> {
    setting(deserializer, values::email_rule)
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    bounded(deserializer, MAX_TIMEOUT_SECONDS)
}

fn delivery_timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    bounded(deserializer, MAX_DELIVERY_SECONDS)
}

fn groups_age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    bounded(deserializer, MAX_GROUPS_AGE)
}

fn session<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    bounded(deserializer, MAX_SESSION_SECONDS)
}

fn bounded<'de, D: Deserializer<'de>>(deserializer: D, max: u32) -> Result<Option<u32>, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    values::seconds(&seconds.to_string(), max).map(Some).map_err(serde::de::Error::custom)
}

fn rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let calls = u32::deserialize(deserializer)?;
    values::rate(&calls.to_string()).map(Some).map_err(serde::de::Error::custom)
}

fn targets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<AllowTarget>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let targets = texts.iter().map(|text| values::target(text)).collect::<Result<_, _>>();
    targets.map(Some).map_err(serde::de::Error::custom)
}

fn proxies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<IpNet>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let nets = texts.iter().map(|text| values::proxy(text)).collect::<Result<_, _>>();
    nets.map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_a_file_are_trimmed() {
        let text = "data_dir = \"data\\n\"\ntemplates_dir = \" t \"\nlog_format = \"\\uFEFFjson\\n\"\ndatabase_url = \"sqlite://x.db\\n\"";
        let file = SettingsFile::parse(text).expect("settings");
        assert_eq!(file.data_dir.as_deref(), Some(Path::new("data")));
        assert_eq!(file.templates_dir.as_deref(), Some(Path::new("t")));
        assert_eq!((file.log_format, file.database_url.as_deref()), (Some(LogFormat::Json), Some("sqlite://x.db")));
    }

    #[test]
    fn values_of_another_kind_are_refused_with_their_line() {
        for (text, says) in [
            ("\nallow_targets = \"10.0.0.0/8\"", "expected an array, not a string"),
            ("\nreview_timeout_sec = \"60\"", "expected a whole number from 0 to 4294967295, not a string"),
            ("\nreview_timeout_sec = 2026-11-29", "expected a whole number"),
            ("\nreview_timeout_sec = 0", "between 1 and"),
            ("\nlisten = 8080", "expected a string, not a number"),
        ] {
            let error = SettingsFile::parse(text).expect_err(text).to_string();
            assert!(error.contains(says) && error.contains("line 2"), "{error}");
        }
    }
}
