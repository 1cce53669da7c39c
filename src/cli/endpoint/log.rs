//! `countersign endpoint deliveries` and `attempts`

use clap::Args;
use serde_json::Value;

use super::EndpointArgs;
use crate::cli::connection::Connection;
use crate::cli::output;
use crate::cli::pages::{self, Paging, text, time};
use crate::time::Timestamp;

/// The states of a delivery.
const STATES: [&str; 8] =
    ["pending", "leased", "delivered", "accepted", "failed", "expired", "superseded", "discarded"];

/// List an endpoint's deliveries, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign endpoint deliveries dba-teams --state failed --from 2026-11-21T00:00:00Z --all")]
pub(super) struct Deliveries {
    #[command(flatten)]
    one: EndpointArgs,
    /// Only deliveries in this state
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    state: Option<String>,
    /// Only deliveries of this event
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    #[command(flatten)]
    period: Period,
    #[command(flatten)]
    paging: Paging,
}

/// List an endpoint's delivery attempts, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  countersign endpoint attempts dba-teams --status 429")]
pub(super) struct Attempts {
    #[command(flatten)]
    one: EndpointArgs,
    /// Only attempts with this result, for example transient
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Only attempts answered with this HTTP status
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..=599))]
    status: Option<u16>,
    #[command(flatten)]
    period: Period,
    #[command(flatten)]
    paging: Paging,
}

/// The arguments that select a period.
#[derive(Debug, Args)]
pub(super) struct Period {
    /// Start of the period, for example 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<Timestamp>,
    /// End of the period, not included
    #[arg(long, value_name = "TIME")]
    pub(super) to: Option<Timestamp>,
}

impl Period {
    fn parameters(&self) -> [pages::Parameter; 2] {
        [("from", self.from.map(|time| time.to_string())), ("to", self.to.map(|time| time.to_string()))]
    }
}

impl Deliveries {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let [from, to] = self.period.parameters();
        let filters = vec![("state", self.state.clone()), ("event", self.event.clone()), from, to];
        let page = self.paging.read(hub, &self.one.path(hub, "/deliveries").await?, filters).await?;
        output::print_answer(self.one.json, &page, |page| pages::lines(page, delivery))
    }
}

impl Attempts {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let [from, to] = self.period.parameters();
        let status = self.status.map(|status| status.to_string());
        let filters = vec![("class", self.class.clone()), ("status", status), from, to];
        let page = self.paging.read(hub, &self.one.path(hub, "/attempts").await?, filters).await?;
        output::print_answer(self.one.json, &page, |page| pages::lines(page, attempt))
    }
}

/// A delivery's line, with the time of its next attempt or why it ended.
pub(super) fn delivery(item: &Value) -> String {
    let why = match (text(item, "/state"), text(item, "/end_reason")) {
        ("pending", _) => format!("  next at {}", time(item, "/next_attempt_at")),
        (_, "–") => String::new(),
        (_, why) => format!("  {why}"),
    };
    let attempts = item.get("attempts").and_then(Value::as_u64).unwrap_or_default();
    format!(
        "{}  {:<10}  {}  {:<22}  attempts {attempts}{why}",
        text(item, "/id"),
        text(item, "/state"),
        time(item, "/created_at"),
        text(item, "/event")
    )
}

fn attempt(item: &Value) -> String {
    let number = |name: &str| item.get(name).and_then(Value::as_u64);
    let status = number("status").map_or_else(|| "–".to_owned(), |status| status.to_string());
    let error = item.get("error").and_then(Value::as_str).map(|error| format!("  {error}")).unwrap_or_default();
    format!(
        "{}  {}  {:<22}  {:>2}.  {:<10}  {status:>3}  {:>6} ms{error}",
        time(item, "/started_at"),
        text(item, "/delivery_id"),
        text(item, "/event"),
        number("number").unwrap_or_default(),
        text(item, "/class"),
        number("duration_us").unwrap_or_default() / 1_000
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deliveries_and_attempts_are_one_line_each() {
        let mut item = json!({
            "id": "dlv_1", "state": "failed", "created_at": "2026-11-21T22:00:00Z", "event": "request.created", "attempts": 12,
            "end_reason": "given up after 12 attempts", "next_attempt_at": null,
        });
        let line =
            "dlv_1  failed      2026-11-21 22:00:00  request.created         attempts 12  given up after 12 attempts";
        assert_eq!(delivery(&item), line);
        (item["state"], item["next_attempt_at"]) = (json!("pending"), json!("2026-11-21T22:05:00Z"));
        assert!(delivery(&item).ends_with("attempts 12  next at 2026-11-21 22:05:00"));
        let item = json!({
            "delivery_id": "dlv_1", "event": "request.created", "number": 2, "started_at": "2026-11-21T22:00:00Z", "duration_us": 5_400,
            "class": "transient", "status": null, "error": "cannot connect", "answer": null,
        });
        let line =
            "2026-11-21 22:00:00  dlv_1  request.created          2.  transient     –       5 ms  cannot connect";
        assert_eq!(attempt(&item), line);
    }
}
