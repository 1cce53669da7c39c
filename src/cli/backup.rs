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

/// Copy a hub's database and keys, also while the hub runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign backup /backups/countersign-2026-11-21.db

The copy of the database is verified before FILE appears. The keys are copied beside it, as FILE.keys.json: \
without them, all existing links become invalid. Both files are secret.

The secrets in the database are sealed with the key in secrets.key of the hub's data folder, or in the file that \
COUNTERSIGN_SECRETS_KEY_FILE names. It is not copied: back it up once, in another place, and again after it was rotated. \
Without it, all endpoints of a restored database have to be created again; with it, everyone who has FILE can read their secrets.

To restore: stop the hub. In its data folder, replace countersign.db by FILE and keys.json by FILE.keys.json, \
and delete countersign.db-wal and countersign.db-shm. Make the hub's user the owner of both files. Start the hub.

For a PostgreSQL database, use pg_dump.")]
pub(super) struct Backup {
    /// File to write; it must not exist
    file: PathBuf,
    /// The hub's data folder [default: from the settings file, or countersign-data]
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The hub's database [default: from the settings file, or countersign.db in the data folder]
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
        let unpaired =
            || format!("the database was copied to {}, but the backup is incomplete without keys", self.file.display());
        data.copy_keys(&keys).with_context(unpaired)?;
        let secrets = data.secrets_file(settings.secrets_key_file.as_deref());
        show(&self.file, &keys, secrets.path(), copied, self.json)
    }
}

fn show(file: &Path, keys: &Path, secrets: &Path, copied: Copied, json: bool) -> anyhow::Result<()> {
    if json {
        let Copied { bytes, requests, audit_entries } = copied;
        let facts = json!({
            "file": file, "keys": keys, "secrets_key_file": secrets, "bytes": bytes, "requests": requests, "audit_entries": audit_entries,
        });
        return output::print_exact(format!("{facts:#}\n").as_bytes());
    }
    output::print(&format!(
        "{}: {} requests, {} audit entries, {} bytes, verified\n{}: the keys that sign links\n{} is not copied: \
         it opens the secrets in the database, so back it up in another place\n",
        file.display(),
        copied.requests,
        copied.audit_entries,
        copied.bytes,
        keys.display(),
        secrets.display()
    ))
}
