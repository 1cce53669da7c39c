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

/// Look at what endpoints are sent, try them out, hold them back, send again
#[derive(Debug, Args)]
#[command(after_help = "\
An ENDPOINT is the name or the id of one. Endpoints are made and changed by `countersign apply`.

When messages did not arrive:
  countersign endpoint list                              which endpoints there are, and how they are
  countersign endpoint test dba-teams                    whether one can be reached, and what it answers
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
    /// Show an endpoint; whatever may be a secret is masked
    Show(One),
    /// Send a sample event at once, and say how that went
    Test(trial::Test),
    /// List what an endpoint was sent, newest first
    Deliveries(log::Deliveries),
    /// List every attempt to send something to an endpoint, newest first
    Attempts(log::Attempts),
    /// Hold back what is meant for an endpoint; it waits
    Pause(One),
    /// Let an endpoint have what was held back
    Resume(One),
    /// Give a custom endpoint a new signing secret, which is shown this once
    RotateSecret(life::Rotate),
    /// Call back every link that an endpoint was sent; those of later messages are good
    RotateLinks(One),
    /// Send again what an endpoint was to be sent, at a pace
    Replay(replay::Replay),
    /// Send one delivery again that has ended
    Retry(replay::Retry),
}

/// Which endpoint.
#[derive(Debug, Args)]
struct One {
    /// Its name or id
    #[arg(value_name = "ENDPOINT")]
    name: String,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl Endpoint {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let hub = self.client.connect()?;
        match self.what {
            What::List(list) => list.run(&hub).await?,
            What::Show(one) => show::show(&hub, &one, Call::get(one.path(&hub, "").await?)).await?,
            What::Test(test) => return test.run(&hub).await,
            What::Deliveries(list) => list.run(&hub).await?,
            What::Attempts(list) => list.run(&hub).await?,
            What::Pause(one) => life::act(&hub, &one, "/pause").await?,
            What::Resume(one) => life::act(&hub, &one, "/resume").await?,
            What::RotateLinks(one) => life::call_back(&hub, &one).await?,
            What::RotateSecret(rotate) => rotate.run(&hub).await?,
            What::Replay(replay) => return replay.run(&hub).await,
            What::Retry(retry) => retry.run(&hub).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl One {
    /// The path of the endpoint, or of what can be done with it.
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
        id.parse().context("the hub's answer has no ids")
    }
}
