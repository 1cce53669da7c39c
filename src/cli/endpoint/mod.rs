//! `countersign endpoint`

mod life;
mod log;
mod replay;
mod show;
mod trial;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Client;
use super::connection::{Call, Connection};
use super::pages::{Paging, text};
use crate::ids::EndpointId;

/// Show, test, pause and resume endpoints, and replay their deliveries
#[derive(Debug, Args)]
#[command(after_help = "\
ENDPOINT is an endpoint's name or id. `countersign apply` creates and changes endpoints.

When messages did not arrive:
  countersign endpoint list                      lists all endpoints and their state
  countersign endpoint test dba-teams            tests one and shows its answer
  countersign endpoint deliveries dba-teams --state failed
  countersign endpoint replay dba-teams --from 2026-11-21T08:00:00Z --dry-run")]
pub(super) struct Endpoint {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List endpoints, oldest first
    List(show::List),
    /// Show an endpoint, with its secrets masked
    Show(EndpointArgs),
    /// Send a sample event at once, and show the result
    Test(trial::Test),
    /// List an endpoint's deliveries, newest first
    Deliveries(log::Deliveries),
    /// List an endpoint's delivery attempts, newest first
    Attempts(log::Attempts),
    /// Pause an endpoint; its deliveries wait
    Pause(EndpointArgs),
    /// Resume an endpoint, and send the deliveries that waited
    Resume(EndpointArgs),
    /// Give a custom endpoint a new signing secret, which is shown only once
    RotateSecret(life::Rotate),
    /// Invalidate all links sent to an endpoint so far; links in later messages are valid
    RotateLinks(EndpointArgs),
    /// Send an endpoint's earlier deliveries again, at a limited rate
    Replay(replay::Replay),
    /// Send one finished delivery again
    Retry(replay::Retry),
}

/// The arguments that name an endpoint.
#[derive(Debug, Args)]
struct EndpointArgs {
    /// The endpoint's name or id
    #[arg(value_name = "ENDPOINT")]
    name: String,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl Endpoint {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let hub = self.client.connect().await?;
        match self.what {
            What::List(list) => list.run(&hub).await?,
            What::Show(one) => show::show(&hub, &one, Call::get(one.path(&hub, "").await?)).await?,
            What::Test(test) => return test.run(&hub).await,
            What::Deliveries(list) => list.run(&hub).await?,
            What::Attempts(list) => list.run(&hub).await?,
            What::Pause(one) => life::act(&hub, &one, "/pause").await?,
            What::Resume(one) => life::act(&hub, &one, "/resume").await?,
            What::RotateLinks(one) => life::rotate_links(&hub, &one).await?,
            What::RotateSecret(rotate) => rotate.run(&hub).await?,
            What::Replay(replay) => return replay.run(&hub).await,
            What::Retry(retry) => retry.run(&hub).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl EndpointArgs {
    /// The path of the endpoint, or of an action on it.
    async fn path(&self, hub: &Connection, action: &str) -> anyhow::Result<String> {
        Ok(format!("/v1/endpoints/{}{action}", self.id(hub).await?))
    }

    async fn id(&self, hub: &Connection) -> anyhow::Result<EndpointId> {
        if let Ok(id) = self.name.parse() {
            return Ok(id);
        }
        let page = Paging::whole().read(hub, "/v1/endpoints", Vec::new()).await?;
        let mut all = page.get("items").and_then(Value::as_array).into_iter().flatten();
        let named = all.find(|endpoint| text(endpoint, "/name") == self.name);
        let id = text(named.with_context(|| format!("there is no endpoint {:?}", self.name))?, "/id");
        id.parse().context("the hub's answer has an invalid id")
    }
}
