//! `countersign endpoint replay` and `retry`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::One;
use super::log::{Period, delivery};
use crate::cli::connection::{Call, Connection};
use crate::cli::output;
use crate::cli::pages::text;
use crate::cli::progress::Progress;
use crate::ids::DeliveryId;

/// How often --wait looks.
const LOOK: Duration = Duration::from_secs(1);
/// In which states deliveries end.
const ENDS: [&str; 6] = ["failed", "expired", "superseded", "discarded", "delivered", "accepted"];

/// Send again what an endpoint was to be sent, at a pace. The hub does it by itself, also over a restart.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code:
  0    the replay was started; with --wait, it has come to its end
  1    the hub refuses; with --wait, the replay was cancelled

Examples:
  countersign endpoint replay dba-teams --from 2026-11-21T08:00:00Z --dry-run
  countersign endpoint replay archive --state failed --state discarded --rate 200 --wait")]
pub(super) struct Replay {
    #[command(flatten)]
    one: One,
    /// Only say how many deliveries that would be
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    period: Period,
    /// What has ended so; may be repeated [default: failed]
    #[arg(long = "state", value_name = "STATE", value_parser = ENDS)]
    states: Vec<String>,
    /// Only of that kind of event; may be repeated
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// How many a second, up to 1000 [default: 50]
    #[arg(long, value_name = "COUNT")]
    rate: Option<u32>,
    /// Wait for its end, and tell how far it is
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
}

/// Send one delivery again that has ended.
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The delivery
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
        let call = Call::post(self.one.path(hub, "/replay").await?, self.body()).patient(60).once();
        let mut answer = hub.insist(&call, hub.pace.asking, &progress).await?;
        if self.wait {
            answer = ended(hub, answer, &progress).await?;
        }
        output::print_answer(self.one.json, &answer, told)?;
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

/// The replay at its end, through restarts of the hub.
async fn ended(hub: &Connection, mut replay: Value, progress: &Progress) -> anyhow::Result<Value> {
    let call = Call::get(format!("/v1/replays/{}", text(&replay, "/id")));
    let mut seen = None;
    while text(&replay, "/state") == "running" {
        let replayed = replay.get("replayed").cloned();
        if replayed != seen {
            let facts = json!({"replay": text(&replay, "/id"), "replayed": replayed, "matched": replay.get("matched")});
            progress.tell("replayed", facts, &counted(&replay));
            seen = replayed;
        }
        tokio::time::sleep(LOOK).await;
        replay = hub.insist(&call, hub.pace.grace, progress).await?;
    }
    Ok(replay)
}

fn counted(replay: &Value) -> String {
    let number = |name: &str| replay.get(name).and_then(Value::as_u64).unwrap_or_default();
    format!("{} of {} deliveries are made anew", number("replayed"), number("matched"))
}

fn told(answer: &Value) -> String {
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
    fn a_replay_is_told() {
        assert_eq!(told(&json!({"matched": 3, "dry_run": true})), "3 deliveries match; nothing was sent\n");
        let running = json!({"id": "rpl_1", "state": "running", "matched": 3, "replayed": 1});
        assert_eq!(told(&running), "rpl_1: running, 1 of 3 deliveries are made anew\n");
    }
}
