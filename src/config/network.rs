//! Settings of how the hub meets the network.

use clap::Args;
use ipnet::IpNet;

use super::values::{self, NetList};

/// Network settings from flags and environment.
#[derive(Debug, Clone, Default, Args)]
pub struct NetworkArgs {
    /// Reverse proxies whose word about the client's address counts: addresses or CIDRs, comma-separated [default: none]
    #[arg(long, env = "COUNTERSIGN_TRUSTED_PROXIES", value_name = "LIST", value_parser = values::proxies)]
    pub trusted_proxies: Option<Vec<NetList>>,
}

/// The resolved network settings.
#[derive(Debug, Clone, Default)]
pub struct NetworkSettings {
    /// The proxies whose `Forwarded` and `X-Forwarded-For` count.
    pub trusted_proxies: Vec<IpNet>,
}

impl NetworkSettings {
    /// Flags and environment before the file.
    pub(super) fn resolve(args: NetworkArgs, trusted_proxies: Option<Vec<IpNet>>) -> Self {
        let given = args.trusted_proxies.map(|lists| lists.into_iter().flat_map(|list| list.0).collect());
        Self { trusted_proxies: given.or(trusted_proxies).unwrap_or_default() }
    }
}
