//! `countersign keys`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output;
use crate::config::{Settings, SettingsArgs};
use crate::data_dir::{DataDir, KeyView, SealingKeyView, SecretsFile};
use crate::time::{Clock as _, SystemClock};

/// Longer than the longest timeout of a request, so that a rotation invalidates no link of a pending request.
const OVERLAP_DAYS: u16 = 31;

/// List and rotate the keys that sign links, and those that seal the secrets in the database
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the keys: which one signs, and until when links of the older ones are accepted
    List {
        #[command(flatten)]
        args: DataDirArgs,
    },
    /// Sign with a new key; links of older keys are accepted for a while. A running hub uses it within seconds
    #[command(after_help = "\
Examples:
  countersign keys rotate
  countersign keys rotate --overlap-days 0       after a leak: invalidates all links at once

Hubs that share a database share the keys: copy keys.json to the other hubs at once.")]
    Rotate {
        /// How long links of older keys are accepted; 31 days are longer than any request's timeout
        #[arg(long, value_name = "DAYS", default_value_t = OVERLAP_DAYS, value_parser = clap::value_parser!(u16).range(0..=366))]
        overlap_days: u16,
        #[command(flatten)]
        args: DataDirArgs,
    },
    /// The keys that seal the secrets in the database
    #[command(subcommand)]
    Secrets(Secrets),
}

#[derive(Debug, Subcommand)]
enum Secrets {
    /// List the keys: all of them open, and the newest seals once all replicas have it
    List {
        #[command(flatten)]
        args: SecretsArgs,
    },
    /// Add a new key. Running hubs seal with it once all replicas have it, and seal again what older keys have sealed
    #[command(after_help = "\
Examples:
  countersign keys secrets rotate

Hubs that share a database share the keys: copy secrets.key to the other hubs. Older keys stay in the file. Remove one by \
deleting its line, once the log says that stored secrets were sealed with the new key, and no backup is needed that it sealed.")]
    Rotate {
        #[command(flatten)]
        args: SecretsArgs,
    },
}

/// The arguments that locate the file of the keys that seal secrets.
#[derive(Debug, Args)]
struct SecretsArgs {
    #[command(flatten)]
    folder: DataDirArgs,
    /// The file of the keys [default: from the settings file, or secrets.key in the data folder]
    #[arg(long, env = "COUNTERSIGN_SECRETS_KEY_FILE", value_name = "FILE")]
    secrets_key_file: Option<PathBuf>,
}

/// The arguments that locate the data folder, which has the keys.
#[derive(Debug, Args)]
struct DataDirArgs {
    /// The hub's data folder [default: from the settings file, or countersign-data]
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
            What::List { args } => args.show(&args.folder()?.list_keys(now)?),
            What::Rotate { overlap_days, args } => {
                let overlap = Duration::from_secs(u64::from(overlap_days) * 86_400);
                args.show(&args.folder()?.rotate_keys(overlap, now)?)
            }
            What::Secrets(Secrets::List { args }) => args.show(&args.file()?.list()?),
            What::Secrets(Secrets::Rotate { args }) => args.show(&args.file()?.rotate(now)?),
        }
    }
}

impl DataDirArgs {
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

impl SecretsArgs {
    fn file(&self) -> anyhow::Result<SecretsFile> {
        let args = SettingsArgs {
            config: self.folder.config.clone(),
            data_dir: self.folder.data_dir.clone(),
            secrets_key_file: self.secrets_key_file.clone(),
            ..SettingsArgs::default()
        };
        let settings = Settings::resolve(args)?;
        Ok(DataDir::existing(&settings.data_dir)?.secrets_file(settings.secrets_key_file.as_deref()))
    }

    fn show(&self, keys: &[SealingKeyView]) -> anyhow::Result<()> {
        if self.folder.json {
            return output::print_exact(format!("{:#}\n", json!({"keys": keys})).as_bytes());
        }
        let role = |key: &SealingKeyView| if key.newest { "is the newest: it seals" } else { "opens" };
        output::print(&keys.iter().map(|key| format!("key {} {}\n", key.id, role(key))).collect::<String>())
    }
}

fn line(key: &KeyView) -> String {
    let created = key.made_at.map(|at| format!(", created at {at}")).unwrap_or_default();
    let until = key.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let role = if key.signs { "signs" } else { "is accepted" };
    format!("key {} {role}{until}{created}", key.id)
}
