//! `countersign request`

mod ask;
mod list;
mod summary;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

pub(super) use self::ask::{Wish, body, label, parse_json};
pub(super) use self::summary::summary;
use super::client::Client;
use super::connection::{Call, CallError};
use super::exit::Stopped;
use super::output;
use super::progress::Progress;
use super::shown::{Shown, Standing};
use super::waiting::{path, tell_asked, until_decided};
use crate::ids::RequestId;

/// Ask for approvals, look at them, wait for them, take them back
#[derive(Debug, Args)]
pub(super) struct Request {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    client: Client,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ask; prints the request, and does not wait for the decision
    Create(ask::Create),
    /// List requests, newest first
    List(list::List),
    /// Show a request: what is asked for, what was changed, who said what, what became of it
    Show(One),
    /// Wait until a request is decided, also while the hub restarts
    #[command(after_help = "\
Exit code:
  0    approved
  120  rejected
  121  nobody decided in time
  122  cancelled or replaced
  123  the hub cannot be reached, refuses, or answers nonsense")]
    Wait(One),
    /// Take a request back that is not decided yet
    Cancel(Cancel),
}

/// Which request.
#[derive(Debug, Args)]
struct One {
    /// The request
    id: RequestId,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

/// Which request is taken back.
#[derive(Debug, Args)]
struct Cancel {
    #[command(flatten)]
    one: One,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Request {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match &self.what {
            What::Create(create) => create.run(&self.client).await?,
            What::List(list) => list.run(&self.client).await?,
            What::Show(one) => {
                let answer = self.client.connect()?.send(&Call::get(path(one.id, ""))).await?;
                print(one.json, one.id, &answer)?;
            }
            What::Wait(one) => return self.wait(one).await,
            What::Cancel(Cancel { one, reason }) => {
                let call = Call::post(path(one.id, "/cancel"), json!({"reason": reason}));
                let answer = self.client.connect()?.send(&call).await?;
                print(one.json, one.id, &answer)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn wait(&self, one: &One) -> anyhow::Result<ExitCode> {
        let hub = self.client.connect()?;
        let progress = Progress::new(one.json);
        let code = match decided(&hub, one.id, &progress).await {
            Ok((request, answer)) => {
                output::print_answer(one.json, &answer, |_| format!("{}\n", request.outcome()))?;
                Stopped::unless_approved(&request).map_or_else(|stopped| stopped.code(), |()| 0)
            }
            Err(error) => {
                progress.tell("failed", json!({"error": error.to_string()}), &error.to_string());
                Stopped::by(&error).code()
            }
        };
        Ok(ExitCode::from(code))
    }
}

/// Waits; then the request as the hub shows it at the end.
async fn decided(
    hub: &super::connection::Connection,
    id: RequestId,
    progress: &Progress,
) -> Result<(Shown, Value), CallError> {
    let call = Call::get(path(id, ""));
    let mut seen = Shown::read(hub.insist(&call, hub.pace.asking, progress).await?, Some(id))?;
    if seen.status == Standing::Pending {
        tell_asked(&seen, hub.send(&Call::get(path(id, "/explain"))).await.ok().as_ref(), progress);
        seen = until_decided(hub, seen, progress).await?;
    }
    let answer = hub.insist(&call, hub.pace.asking, progress).await?;
    Shown::read(answer.clone(), Some(seen.id)).map(|request| (request, answer))
}

/// Prints a request. One that does not hash to its digest is not even shown.
fn print(json: bool, id: RequestId, answer: &Value) -> anyhow::Result<()> {
    let request = Shown::read(answer.clone(), Some(id))?;
    output::print_answer(json, answer, |_| summary(&request))
}
