//! `countersign template`

mod kept;
mod trial;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::Client;

/// Try out message templates, and change those of a running hub
#[derive(Debug, Args)]
#[command(after_help = "\
A CHANNEL is teams, slack, slack_app, discord, google_chat or custom. An EVENT is that of a message, `default`, or a part of
messages such as `_ask`. What they see and may call: docs/templates.md.

Change a message:
  countersign template show teams request.created > mine.hbs     what it is now
  countersign template preview teams request.created mine.hbs    what a text makes of a sample
  countersign template check teams request.created mine.hbs      whether it does with all samples
  countersign template set teams request.created mine.hbs        use it; --endpoint or --resource for one of them
  countersign template restore teams request.created 1           go back to a version")]
pub(super) struct Template {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Try a template with every sample, or a folder of templates; needs no hub. Exit code 1 when one fails
    Check(trial::Check),
    /// Print what a template makes of a sample; needs no hub
    Preview(trial::Preview),
    /// List the templates that the hub keeps
    List(kept::List),
    /// Print a template's text: the one that the hub keeps, or the one that is used in its place
    Show(kept::Show),
    /// Have the hub keep a template, once it has tried it with every sample
    Set(kept::Set),
    /// Take a template away: the one below it makes the messages again
    Delete(kept::Delete),
    /// List the versions of a template that the hub keeps, newest first
    Versions(kept::Versions),
    /// Make an earlier version the newest
    Restore(kept::Restore),
}

impl Template {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let hub = || self.client.connect();
        match self.what {
            What::Check(check) => return check.run(),
            What::Preview(preview) => return preview.run(),
            What::List(list) => list.run(&hub()?).await?,
            What::Show(show) => show.run(&hub()?).await?,
            What::Set(set) => return set.run(&hub()?).await,
            What::Delete(delete) => delete.run(&hub()?).await?,
            What::Versions(versions) => versions.run(&hub()?).await?,
            What::Restore(restore) => restore.run(&hub()?).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
