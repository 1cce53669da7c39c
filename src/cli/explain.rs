//! `countersign explain`

use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::connection::Call;
use super::output;
use super::waiting::path;
use crate::channels::text::one_line;
use crate::ids::RequestId;

/// Explain a request's status: what is missing, who can decide, and whether its notifications arrived
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The request's id
    id: RequestId,
    /// Print the hub's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: Client,
}

impl Explain {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let answer = self.client.connect().await?.send(&Call::get(path(self.id, "/explain"))).await?;
        anyhow::ensure!(answer.get("status").is_some_and(Value::is_string), "the hub's answer is not an explanation");
        output::print_answer(self.json, &answer, |answer| describe(self.id, answer))
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn describe(id: RequestId, answer: &Value) -> String {
    let mut lines = vec![format!("{id}: {}", text(answer, "status").unwrap_or_default())];
    lines.extend(text(answer, "missing").map(|missing| format!("  {missing}")));
    for (name, title) in [("rule", "rule"), ("exempt_group", "exempt")] {
        lines.extend(text(answer, name).map(|value| format!("  {title} {value}")));
    }
    for slot in items(answer, "slots") {
        let number = |name: &str| slot.get(name).and_then(Value::as_u64).unwrap_or_default();
        let also: String = items(slot, "also").filter_map(Value::as_str).map(|group| format!(" or {group}")).collect();
        let group = text(slot, "group").unwrap_or_default();
        lines.push(format!("  {group}{also}: has {} of {}", number("approved"), number("needed")));
        lines.extend(items(slot, "people").map(|one| format!("    {}", person(one))));
    }
    for delivery in items(answer, "told") {
        let part = |name: &str| text(delivery, name).unwrap_or_default();
        let error = text(delivery, "error").map(|error| format!(": {error}")).unwrap_or_default();
        let attempts = delivery.get("attempts").and_then(Value::as_u64).unwrap_or_default();
        let (event, endpoint, state) = (part("event"), part("endpoint"), part("state"));
        lines.push(format!("  {event} to {endpoint}: {state}, attempts {attempts}{error}"));
        lines.extend(items(delivery, "links").map(|link| format!("    {}", uses(link))));
    }
    if text(answer, "status") == Some("pending") {
        lines.extend(text(answer, "next_notice_at").map(|at| format!("  next reminder or escalation at {at}")));
        lines.extend(text(answer, "expires_at").map(|at| format!("  expires at {at}")));
    }
    lines.iter().map(|line| format!("{}\n", one_line(line))).collect()
}

/// How often the links of a slot were fetched, displayed and used.
fn uses(link: &Value) -> String {
    let times =
        |name: &str| link.get(name).and_then(|times| times.get("count")).and_then(Value::as_u64).unwrap_or_default();
    let last = ["acted", "viewed", "fetched"].into_iter().find_map(|name| text(link.get(name)?, "last_at"));
    format!(
        "links for {}: fetched {} times, displayed in a browser {} times, votes {}; last at {}",
        text(link, "group").unwrap_or_default(),
        times("fetched"),
        times("viewed"),
        times("acted"),
        last.unwrap_or("–")
    )
}

fn person(person: &Value) -> String {
    let email = text(person, "email").unwrap_or_default();
    let name = text(person, "name").filter(|name| !name.is_empty() && *name != email);
    let who = name.map_or_else(|| email.to_owned(), |name| format!("{name} <{email}>"));
    let can = person.get("can_decide").and_then(Value::as_bool) == Some(true);
    let mut line = match (can, text(person, "why_not")) {
        (true, _) => format!("{who} can decide"),
        (false, Some("requester")) => format!("{who} cannot decide: made the request"),
        (false, Some("conflict")) => format!("{who} cannot decide: has a conflict of interest"),
        (false, Some("voted")) => format!("{who} has voted"),
        (false, Some("sign_in")) => format!("{who} must sign in again to decide"),
        (false, why) => format!("{who} cannot decide: {}", why.unwrap_or("the request is no longer pending")),
    };
    if person.get("away").and_then(Value::as_bool) == Some(true) {
        let until = text(person, "away_until").map(|until| format!(" until {until}")).unwrap_or_default();
        let delegate = text(person, "delegate").map(|who| format!(", stand-in {who}")).unwrap_or_default();
        line.push_str(&format!(" (away{until}{delegate})"));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_approvals_people_and_deliveries_are_described() {
        let answer = json!({
            "status": "pending", "missing": "waits for approvals: 1 of group dba", "rule": null, "exempt_group": null,
            "slots": [{"group": "dba", "also": ["ops"], "needed": 1, "approved": 0, "missing": 1, "people": [
                {"email": "dana@example.com", "name": "Dana Reyes", "can_decide": true, "why_not": null, "away": true,
                 "away_until": "2026-11-25T00:00:00Z", "delegate": "erik@example.com"},
                {"email": "nora@example.com", "name": "nora@example.com", "can_decide": false, "why_not": "requester", "away": false},
            ]}],
            "told": [{"endpoint": "dba", "event": "request.created", "delivery": "dlv_1", "state": "pending", "attempts": 2, "error": "refused"}],
            "expires_at": "2026-11-21T23:00:00Z", "next_notice_at": null,
        });
        let expected = "req_0190c0de0190c0de0190c0de0190c0de: pending\n  waits for approvals: 1 of group dba\n  dba or ops: has 0 of 1
    Dana Reyes <dana@example.com> can decide (away until 2026-11-25T00:00:00Z, stand-in erik@example.com)
    nora@example.com cannot decide: made the request\n  request.created to dba: pending, attempts 2: refused
  expires at 2026-11-21T23:00:00Z\n";
        assert_eq!(describe("req_0190c0de0190c0de0190c0de0190c0de".parse().unwrap(), &answer), expected);
    }
}
