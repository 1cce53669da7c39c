//! `countersign request list`

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::approval::{Email, GroupName, ResourceName};
use crate::cli::client::Client;
use crate::cli::connection::Call;
use crate::cli::output;
use crate::time::Timestamp;

const STATUSES: [&str; 6] = ["pending", "approved", "rejected", "expired", "cancelled", "superseded"];

/// Which requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign request list --waiting-for me
  countersign request list --status approved --resource orders-db --all --json")]
pub(super) struct List {
    /// Only in that status
    #[arg(long, value_name = "STATUS", value_parser = STATUSES)]
    status: Option<String>,
    /// Only about that resource
    #[arg(long, value_name = "NAME")]
    resource: Option<ResourceName>,
    /// Only asked for by that person
    #[arg(long, value_name = "EMAIL")]
    requester: Option<Email>,
    /// Only decided by that person
    #[arg(long, value_name = "EMAIL")]
    approver: Option<Email>,
    /// Only where that group is asked
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,
    /// Only of that kind: commands, or access for a time
    #[arg(long, value_name = "KIND", value_parser = ["action", "jit"])]
    kind: Option<String>,
    /// Only asked at that time or later, for example 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only asked before that time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Only what that person can decide now; me is who the token belongs to
    #[arg(long, value_name = "EMAIL|me")]
    waiting_for: Option<String>,
    /// How many, at most; with --all, how many with each call [default: the hub's]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// All of them, and not only the newest
    #[arg(long, conflicts_with = "cursor")]
    all: bool,
    /// Go on where an earlier list ended, as its `next_cursor` says
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<()> {
        let hub = client.connect()?;
        let (mut items, mut cursor) = (Vec::new(), self.cursor.clone());
        loop {
            let mut page = hub.send(&Call::get("/v1/requests").query(self.query(cursor.as_deref()))).await?;
            let more = page.get_mut("items").and_then(Value::as_array_mut).context("the hub's answer is no list")?;
            items.append(more);
            let next = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            let stuck = next == cursor;
            cursor = next;
            anyhow::ensure!(cursor.is_none() || !stuck, "the hub's list does not come to an end");
            if !self.all || cursor.is_none() {
                break;
            }
        }
        output::print_answer(self.json, &json!({"items": items, "next_cursor": cursor}), describe)
    }

    fn query(&self, cursor: Option<&str>) -> Vec<(&'static str, String)> {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        let parts = [
            ("status", self.status.clone()),
            ("resource", text(self.resource.as_ref().map(|value| value as _))),
            ("requester", text(self.requester.as_ref().map(|value| value as _))),
            ("approver", text(self.approver.as_ref().map(|value| value as _))),
            ("group", text(self.group.as_ref().map(|value| value as _))),
            ("kind", self.kind.clone()),
            ("from", text(self.from.as_ref().map(|value| value as _))),
            ("to", text(self.to.as_ref().map(|value| value as _))),
            ("waiting_for", self.waiting_for.clone()),
            ("limit", text(self.limit.as_ref().map(|value| value as _))),
            ("cursor", cursor.map(str::to_owned)),
        ];
        parts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
    }
}

/// A line each.
fn describe(page: &Value) -> String {
    let mut lines = String::new();
    for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
        let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or("–");
        let who =
            [text("/requester/email"), text("/requester/name")].into_iter().find(|who| *who != "–").unwrap_or("–");
        let at = text("/created_at").split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
        lines.push_str(&format!(
            "{}  {:<10}  {at}  {:<16}  {who:<24}  {}\n",
            text("/id"),
            text("/status"),
            text("/resource"),
            short(text("/command"))
        ));
    }
    match page.get("next_cursor").and_then(Value::as_str) {
        Some(cursor) => lines.push_str(&format!("there are more: --all, or --cursor {cursor}\n")),
        None if lines.is_empty() => lines.push_str("none\n"),
        None => {}
    }
    lines
}

/// As much of a command as fits on the line.
fn short(command: &str) -> String {
    let mut characters = command.chars().map(|character| if character == '\n' { ' ' } else { character });
    let first: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() { format!("{first}…") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shown::tests::sample;

    #[test]
    fn a_request_is_a_line() {
        let item = sample("select 1;\nselect 2;", &Value::Null, "pending");
        let text = describe(&json!({"items": [item], "next_cursor": "req_9"}));
        let line = "req_0190c0de0190c0de0190c0de0190c0de  pending     2026-11-21 22:00:00  orders-db         \
                    nora@example.com          select 1; select 2;\nthere are more: --all, or --cursor req_9\n";
        assert_eq!(text, line);
        assert_eq!(describe(&json!({"items": [], "next_cursor": null})), "none\n");
        assert_eq!(short(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }
}
