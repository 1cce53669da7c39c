//! `countersign endpoint replay` and `retry`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::EndpointArgs;
use super::log::{Period, delivery};
use crate::cli::connection::{Call, Connection};
use crate::cli::output;
use crate::cli::pages::text;
use crate::cli::progress::Progress;
use crate::ids::DeliveryId;

/// The interval in which --wait polls.
const POLL: Duration = Duration::from_secs(1);
/// The final states of a delivery.
const FINAL_STATES: [&str; 6] = ["failed", "expired", "superseded", "discarded", "delivered", "accepted"];

/// Send an endpoint's earlier deliveries again, at a limited rate. The hub does this in the background, also across
/// restarts.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code:
  0    the replay was started; with --wait, it is finished
  1    the hub refused; with --wait, the replay was cancelled

Examples:
  countersign endpoint replay dba-teams --from 2026-11-21T08:00:00Z --dry-run
  countersign endpoint replay archive --state failed --state discarded --rate 200 --wait")]
pub(super) struct Replay {
    #[command(flatten)]
    one: EndpointArgs,
    /// Only print how many deliveries match
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    period: Period,
    /// Only deliveries that ended in this state; may be repeated [default: failed]
    #[arg(long = "state", value_name = "STATE", value_parser = FINAL_STATES)]
    states: Vec<String>,
    /// Only deliveries of this event; may be repeated
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// Deliveries per second, up to 1000 [default: 50]
    #[arg(long, value_name = "COUNT")]
    rate: Option<u32>,
    /// Wait until the replay is finished, and report its progress
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
}

/// Send one finished delivery again
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The delivery's id
    id: DeliveryId,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
}

impl Retry {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let answer = hub.send(&Call::post(format!("/v1/deliveries/{}/retry", self.id), json!({}))).await?;
        output::print_answer(self.json, &answer, |answer| format!("{}\n", delivery(answer)))
    }
}

impl Replay {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<ExitCode> {
        let progress = Progress::new(self.one.json);
        let call = Call::post(self.one.path(hub, "/replay").await?, self.body()).with_wait(60).with_idempotency_key();
        let mut answer = hub.send_with_retries(&call, hub.pace.asking, &progress).await?;
        if self.wait {
            answer = finished(hub, answer, &progress).await?;
        }
        output::print_answer(self.one.json, &answer, describe)?;
        let cancelled = text(&answer, "/state") == "cancelled";
        Ok(if cancelled { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn body(&self) -> Value {
        let list = |items: &Vec<String>| (!items.is_empty()).then(|| json!(items));
        let parts = [
            ("states", list(&self.states)),
            ("events", list(&self.events)),
            ("from", self.period.from.map(|time| json!(time))),
            ("to", self.period.to.map(|time| json!(time))),
            ("dry_run", self.dry_run.then_some(Value::Bool(true))),
            ("rate_per_second", self.rate.map(Value::from)),
        ];
        let given = parts.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
        Value::Object(Map::from_iter(given))
    }
}

/// Waits until the replay ends, across restarts of the hub, and returns it.
async fn finished(hub: &Connection, mut replay: Value, progress: &Progress) -> anyhow::Result<Value> {
    let call = Call::get(format!("/v1/replays/{}", text(&replay, "/id")));
    let mut seen = None;
    while text(&replay, "/state") == "running" {
        let replayed = replay.get("replayed").cloned();
        if replayed != seen {
            let facts = json!({"replay": text(&replay, "/id"), "replayed": replayed, "matched": replay.get("matched")});
            progress.emit("replayed", facts, &counted(&replay));
            seen = replayed;
        }
        tokio::time::sleep(POLL).await;
        replay = hub.send_with_retries(&call, hub.pace.grace, progress).await?;
    }
    Ok(replay)
}

fn counted(replay: &Value) -> String {
    let number = |name: &str| replay.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!("{} of {} deliveries queued again", number("replayed"), number("matched"))
}

fn describe(answer: &Value) -> String {
    let matched = answer.get("matched").and_then(Value::as_u64).unwrap_or_default();
    if answer.get("dry_run").and_then(Value::as_bool) == Some(true) {
        return format!("{matched} deliveries match; nothing was sent\n");
    }
    format!("{}: {}, {}\n", text(answer, "/id"), text(answer, "/state"), counted(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_described() {
        assert_eq!(describe(&json!({"matched": 3, "dry_run": true})), "3 deliveries match; nothing was sent\n");
        let running = json!({"id": "rpl_1", "state": "running", "matched": 3, "replayed": 1});
        assert_eq!(describe(&running), "rpl_1: running, 1 of 3 deliveries queued again\n");
    }
}
