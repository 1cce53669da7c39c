//! Settings of how the hub meets the network.

use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;

use super::error::SettingsError;
use super::file::SettingsFile;
use super::values::{self, NetList};

/// Network settings from flags and environment.
#[derive(Debug, Clone, Default, Args)]
pub struct NetworkArgs {
    /// Reverse proxies whose word about the client's address counts: addresses or CIDRs, comma-separated [default: none]
    #[arg(long, env = "COUNTERSIGN_TRUSTED_PROXIES", value_name = "LIST", value_parser = values::proxies)]
    pub trusted_proxies: Option<Vec<NetList>>,
    /// PEM file of the hub's certificate, followed by intermediate ones: the hub then speaks HTTPS [default: none]
    #[arg(long, env = "COUNTERSIGN_TLS_CERT", value_name = "FILE", value_parser = values::path)]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's key [default: none]
    #[arg(long, env = "COUNTERSIGN_TLS_KEY", value_name = "FILE", value_parser = values::path)]
    pub tls_key: Option<PathBuf>,
    /// Calls a minute of one client address without a valid token; 0 for no limit [default: 3000]
    #[arg(long, env = "COUNTERSIGN_RATE_LIMIT_ADDRESS", value_name = "CALLS", value_parser = values::rate)]
    pub rate_limit_address: Option<u32>,
    /// Calls a minute with one token; 0 for no limit [default: 60000]
    #[arg(long, env = "COUNTERSIGN_RATE_LIMIT_TOKEN", value_name = "CALLS", value_parser = values::rate)]
    pub rate_limit_token: Option<u32>,
    /// Invalid tokens, forged links and wrong signatures a minute of one client address; 0 for no limit [default: 20]
    #[arg(long, env = "COUNTERSIGN_RATE_LIMIT_FAILURES", value_name = "CALLS", value_parser = values::rate)]
    pub rate_limit_failures: Option<u32>,
}

/// The files of the hub's certificate and of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// How often one caller may call in a minute; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSettings {
    /// Calls from one address without a valid token.
    pub address: u32,
    /// Calls with one token.
    pub token: u32,
    /// Failures to prove who calls, from one address.
    pub failures: u32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self { address: 3_000, token: 60_000, failures: 20 }
    }
}

/// The resolved network settings.
#[derive(Debug, Clone, Default)]
pub struct NetworkSettings {
    /// The proxies whose `Forwarded` and `X-Forwarded-For` count.
    pub trusted_proxies: Vec<IpNet>,
    pub rates: RateSettings,
    /// Without it, the hub speaks plain HTTP.
    pub tls: Option<TlsFiles>,
}

impl NetworkSettings {
    /// Flags and environment before the file.
    pub(super) fn resolve(args: NetworkArgs, file: &SettingsFile) -> Result<Self, SettingsError> {
        let proxies = args.trusted_proxies.map(|lists| lists.into_iter().flat_map(|list| list.0).collect());
        let usual = RateSettings::default();
        let (cert, key) =
            (args.tls_cert.or_else(|| file.tls_cert.clone()), args.tls_key.or_else(|| file.tls_key.clone()));
        let tls = match (cert, key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(SettingsError::HalfTls { has: "tls_cert", lacks: "tls_key" }),
            (None, Some(_)) => return Err(SettingsError::HalfTls { has: "tls_key", lacks: "tls_cert" }),
        };
        Ok(Self {
            tls,
            trusted_proxies: proxies.or_else(|| file.trusted_proxies.clone()).unwrap_or_default(),
            rates: RateSettings {
                address: args.rate_limit_address.or(file.rate_limit_address).unwrap_or(usual.address),
                token: args.rate_limit_token.or(file.rate_limit_token).unwrap_or(usual.token),
                failures: args.rate_limit_failures.or(file.rate_limit_failures).unwrap_or(usual.failures),
            },
        })
    }
}
