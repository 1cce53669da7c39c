//! `countersign backup`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;

use super::output;
use crate::config::{Settings, SettingsArgs};
use crate::data_dir::DataDir;
use crate::store::backup::{Copied, copy};

/// Copy a hub's database and keys, also while it runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign backup /backups/countersign-2026-11-21.db

The copy of the database is read through before it is given its name. The keys are copied beside it (FILE.keys.json):
without them, all links that are out are dead. Both hold secrets.

To restore: stop the hub; in its data folder, put FILE as countersign.db and FILE.keys.json as keys.json, and remove
countersign.db-wal and countersign.db-shm; give both to the hub's user; start it.

A PostgreSQL database is copied by pg_dump.")]
pub(super) struct Backup {
    /// File to write; it must not be there yet
    file: PathBuf,
    /// The hub's data folder [default: countersign-data, or as the settings file says]
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The hub's database [default: countersign.db in the data folder, or as the settings file says]
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The hub's settings file [default: countersign.toml, if there is one]
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let args = SettingsArgs {
            config: self.config,
            data_dir: self.data_dir,
            database_url: self.database_url,
            ..SettingsArgs::default()
        };
        let settings = Settings::resolve(args)?;
        let data = DataDir::existing(&settings.data_dir)?;
        let url = settings.database_url.as_ref().map(|url| url.expose_secret().to_owned());
        let copied = copy(&url.unwrap_or_else(|| data.database_url()), &self.file).await?;
        let mut keys = self.file.clone().into_os_string();
        keys.push(".keys.json");
        let keys = PathBuf::from(keys);
        let unpaired = || format!("the database is in {}, but without its keys it is no backup", self.file.display());
        data.copy_keys(&keys).with_context(unpaired)?;
        show(&self.file, &keys, copied, self.json)
    }
}

fn show(file: &Path, keys: &Path, copied: Copied, json: bool) -> anyhow::Result<()> {
    if json {
        let Copied { bytes, requests, audit_entries } = copied;
        let facts = json!({
            "file": file, "keys": keys, "bytes": bytes, "requests": requests, "audit_entries": audit_entries,
        });
        return output::print_exact(format!("{facts:#}\n").as_bytes());
    }
    output::print(&format!(
        "{}: {} requests, {} audit entries, {} bytes, read through\n{}: the keys that links are signed with\n",
        file.display(),
        copied.requests,
        copied.audit_entries,
        copied.bytes,
        keys.display()
    ))
}
