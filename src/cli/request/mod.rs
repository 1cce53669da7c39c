//! `countersign request`

mod ask;
mod list;
mod summary;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

pub(super) use self::ask::{RequestInput, body, label, parse_json};
pub(super) use self::summary::summary;
use super::client::Client;
use super::connection::{Call, CallError};
use super::exit::Stopped;
use super::output;
use super::progress::Progress;
use super::shown::{RequestStatus, Shown};
use super::waiting::{path, report_asked, until_decided};
use crate::ids::RequestId;

/// Create, list, show, wait for and cancel requests
#[derive(Debug, Args)]
pub(super) struct Request {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a request and print it, without waiting for the decision
    Create(ask::Create),
    /// List requests, newest first
    List(list::List),
    /// Show a request: its payload, changes, votes and outcome
    Show(RequestArgs),
    /// Wait until a request is decided, also across restarts of the hub
    #[command(after_help = "\
Exit code:
  0    approved
  120  rejected
  121  expired: no decision before the deadline
  122  cancelled or replaced
  123  the hub cannot be reached, refuses, or returns an invalid answer")]
    Wait(RequestArgs),
    /// Cancel a pending request
    Cancel(Cancel),
}

/// The arguments that name a request.
#[derive(Debug, Args)]
struct RequestArgs {
    /// The request's id
    id: RequestId,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Cancel {
    #[command(flatten)]
    args: RequestArgs,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Request {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match &self.what {
            What::Create(create) => create.run(&self.client).await?,
            What::List(list) => list.run(&self.client).await?,
            What::Show(args) => {
                let answer = self.client.connect().await?.send(&Call::get(path(args.id, ""))).await?;
                print(args.json, args.id, &answer)?;
            }
            What::Wait(args) => return self.wait(args).await,
            What::Cancel(Cancel { args, reason }) => {
                let call = Call::post(path(args.id, "/cancel"), json!({"reason": reason}));
                let answer = self.client.connect().await?.send(&call).await?;
                print(args.json, args.id, &answer)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn wait(&self, args: &RequestArgs) -> anyhow::Result<ExitCode> {
        let hub = self.client.connect().await?;
        let progress = Progress::new(args.json);
        let code = match decided(&hub, args.id, &progress).await {
            Ok((request, answer)) => {
                output::print_answer(args.json, &answer, |_| format!("{}\n", request.outcome()))?;
                Stopped::unless_approved(&request).map_or_else(|stopped| stopped.code(), |()| 0)
            }
            Err(error) => {
                progress.emit("failed", json!({"error": error.to_string()}), &error.to_string());
                Stopped::by(&error).code()
            }
        };
        Ok(ExitCode::from(code))
    }
}

/// Waits for the decision, and returns the decided request.
async fn decided(
    hub: &super::connection::Connection,
    id: RequestId,
    progress: &Progress,
) -> Result<(Shown, Value), CallError> {
    let call = Call::get(path(id, ""));
    let mut seen = Shown::read(hub.send_with_retries(&call, hub.pace.asking, progress).await?, Some(id))?;
    if seen.status == RequestStatus::Pending {
        report_asked(&seen, hub.send(&Call::get(path(id, "/explain"))).await.ok().as_ref(), progress);
        seen = until_decided(hub, seen, progress).await?;
    }
    let answer = hub.send_with_retries(&call, hub.pace.asking, progress).await?;
    Shown::read(answer.clone(), Some(seen.id)).map(|request| (request, answer))
}

/// Prints a request. [`Shown::read`] refuses one whose digest differs.
fn print(json: bool, id: RequestId, answer: &Value) -> anyhow::Result<()> {
    let request = Shown::read(answer.clone(), Some(id))?;
    output::print_answer(json, answer, |_| summary(&request))
}
