//! `countersign keys`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output;
use crate::config::{Settings, SettingsArgs};
use crate::data_dir::{DataDir, KeyView};
use crate::time::{Clock as _, SystemClock};

/// Longer than any request waits, so that no link that is out dies of a rotation.
const OVERLAP_DAYS: u16 = 31;

/// Look at the keys that links are signed with, and replace them
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the keys: which signs, and until when older ones are honoured
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Let a new key sign; links under the older ones are honoured for a while. A running hub takes it over within seconds
    #[command(after_help = "\
Examples:
  countersign keys rotate
  countersign keys rotate --overlap-days 0       the keys may be known to others: all links that are out are dead at once

Hubs that share a database share the keys: copy keys.json to the others at once.")]
    Rotate {
        /// How long older keys are honoured; 31 days outlast every request
        #[arg(long, value_name = "DAYS", default_value_t = OVERLAP_DAYS, value_parser = clap::value_parser!(u16).range(0..=366))]
        overlap_days: u16,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the keys are.
#[derive(Debug, Args)]
struct Place {
    /// The hub's data folder [default: countersign-data, or as the settings file says]
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The hub's settings file [default: countersign.toml, if there is one]
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let now = SystemClock.now();
        match self.what {
            What::List { place } => place.show(&place.folder()?.list_keys(now)?),
            What::Rotate { overlap_days, place } => {
                let overlap = Duration::from_secs(u64::from(overlap_days) * 86_400);
                place.show(&place.folder()?.rotate_keys(overlap, now)?)
            }
        }
    }
}

impl Place {
    fn folder(&self) -> anyhow::Result<DataDir> {
        let args =
            SettingsArgs { config: self.config.clone(), data_dir: self.data_dir.clone(), ..SettingsArgs::default() };
        Ok(DataDir::existing(&Settings::resolve(args)?.data_dir)?)
    }

    fn show(&self, keys: &[KeyView]) -> anyhow::Result<()> {
        if self.json {
            return output::print_exact(format!("{:#}\n", json!({"keys": keys})).as_bytes());
        }
        output::print(&keys.iter().map(|key| format!("{}\n", line(key))).collect::<String>())
    }
}

fn line(key: &KeyView) -> String {
    let made = key.made_at.map(|at| format!(", made at {at}")).unwrap_or_default();
    let until = key.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let role = if key.signs { "signs" } else { "is honoured" };
    format!("key {} {role}{until}{made}", key.id)
}
