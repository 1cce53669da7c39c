//! `countersign template`

mod kept;
mod trial;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Client;

/// Try message templates, and change those of a running hub
#[derive(Debug, Args)]
#[command(after_help = "\
CHANNEL is teams, slack, slack_app, discord, google_chat or custom. EVENT is a message's event, `default`, or a part of \
messages such as `_ask`. docs/templates.md describes the variables and helpers of templates.

Change a message:
  countersign template show teams request.created > mine.hbs     save the current text
  countersign template preview teams request.created mine.hbs    render one sample
  countersign template check teams request.created mine.hbs      try all samples
  countersign template set teams request.created mine.hbs        store it in the hub
  countersign template restore teams request.created 1           restore a version

With --endpoint or --resource, a template is used only for that endpoint or resource.")]
pub(super) struct Template {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Try a template, or a folder of templates, with every sample; needs no hub. Exit code 1 when one fails
    Check(trial::Check),
    /// Render a template with a sample; needs no hub
    Preview(trial::Preview),
    /// List the templates stored in the hub
    List(kept::List),
    /// Print a template's text: the stored one, or the one used when none is stored
    Show(kept::Show),
    /// Store a template in the hub, which first tries it with every sample
    Set(kept::Set),
    /// Delete a stored template; the hub then uses the next more general one
    Delete(kept::Delete),
    /// List the versions of a stored template, newest first
    Versions(kept::Versions),
    /// Restore an earlier version, as a new version
    Restore(kept::Restore),
}

impl Template {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let hub = || self.client.connect();
        match self.what {
            What::Check(check) => return check.run(),
            What::Preview(preview) => return preview.run(),
            What::List(list) => list.run(&hub().await?).await?,
            What::Show(show) => show.run(&hub().await?).await?,
            What::Set(set) => return set.run(&hub().await?).await,
            What::Delete(delete) => delete.run(&hub().await?).await?,
            What::Versions(versions) => versions.run(&hub().await?).await?,
            What::Restore(restore) => restore.run(&hub().await?).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
