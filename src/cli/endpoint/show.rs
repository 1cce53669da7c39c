//! `countersign endpoint list` and `show`

use clap::Args;
use serde_json::Value;

use super::EndpointArgs;
use crate::channels::text::one_line;
use crate::cli::connection::{Call, Connection};
use crate::cli::output;
use crate::cli::pages::{self, Paging, text, time};

/// List endpoints, oldest first
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<()> {
        let page = Paging::whole().read(hub, "/v1/endpoints", Vec::new()).await?;
        output::print_answer(self.json, &page, |page| pages::lines(page, line))
    }
}

/// Sends a call that returns an endpoint, and prints the endpoint.
pub(super) async fn show(hub: &Connection, one: &EndpointArgs, call: Call) -> anyhow::Result<()> {
    let answer = hub.send(&call).await?;
    output::print_answer(one.json, &answer, describe)
}

/// The state in a word; an active endpoint can be `paused`.
fn state(endpoint: &Value) -> &str {
    let paused = endpoint.get("paused_at").is_some_and(Value::is_string);
    if paused && text(endpoint, "/state") == "active" { "paused" } else { text(endpoint, "/state") }
}

fn line(endpoint: &Value) -> String {
    let failing = failing(endpoint).map(|failing| format!("  failing {failing}")).unwrap_or_default();
    let held = held(endpoint).map(|held| format!("  waiting for {held}")).unwrap_or_default();
    let template = if template(endpoint).is_some() { "  a template fails" } else { "" };
    format!(
        "{}  {:<8}  {:<6}  {:<24}  {}{failing}{held}{template}",
        text(endpoint, "/id"),
        state(endpoint),
        text(endpoint, "/channel"),
        text(endpoint, "/name"),
        text(endpoint, "/url")
    )
}

/// Since when its deliveries fail, if they do.
fn failing(endpoint: &Value) -> Option<String> {
    let health = endpoint.get("health").filter(|health| health.is_object())?;
    let failures = health.get("failures").and_then(Value::as_u64).unwrap_or_default();
    let probe = health.get("probe_at").filter(|probe| probe.is_string());
    let probe = probe.map(|_| format!("; next attempt at {}", time(health, "/probe_at"))).unwrap_or_default();
    let since = time(health, "/failing_since");
    Some(format!("since {since}, {failures} in a row, last: {}{probe}", one_line(text(health, "/last_error"))))
}

/// Why no delivery is sent to it now, if so.
fn held(endpoint: &Value) -> Option<String> {
    let held = endpoint.get("held").filter(|held| held.is_object())?;
    let by = match text(held, "/by") {
        "breaker" => "its circuit breaker",
        "throttled" => "its own rate limit",
        other => other,
    };
    let is_known = held.get("until").is_some_and(Value::is_string);
    let until =
        if is_known { format!("until {}", time(held, "/until")) } else { "while a probe is running".to_owned() };
    Some(format!("{by} {until}"))
}

/// Why its template fails, if it does.
fn template(endpoint: &Value) -> Option<String> {
    let problem = endpoint.get("template_problem").filter(|problem| problem.is_object())?;
    Some(format!("failed at {}: {}", time(problem, "/at"), one_line(text(problem, "/detail"))))
}

/// Describes an endpoint field by field, without empty fields.
pub(super) fn describe(endpoint: &Value) -> String {
    let mut lines = vec![format!("{}: {}", text(endpoint, "/name"), state(endpoint))];
    let mut field = |name: &str, value: String| lines.push(format!("  {name:<16}{}", one_line(&value)));
    field("id", text(endpoint, "/id").to_owned());
    field("sent to", format!("{} at {}", text(endpoint, "/channel"), text(endpoint, "/url")));
    for (name, all) in [("events", "all"), ("resources", "all"), ("groups", "any, without links to decide")] {
        let items = endpoint.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let items: Vec<&str> = items.collect();
        field(name, if items.is_empty() { all.to_owned() } else { items.join(", ") });
    }
    for (name, title) in [
        ("recipient", "recipient"),
        ("detail", "detail"),
        ("headers", "headers"),
        ("auth", "auth"),
        ("client_certificate", "certificate"),
        ("ca_certificate", "authorities"),
        ("proxy", "proxy"),
        ("schedule", "schedule"),
        ("rate_per_second", "rate per second"),
        ("concurrency", "concurrency"),
        ("answer_control", "answer control"),
        ("format", "format"),
        ("heartbeat_seconds", "heartbeat after (s)"),
        ("disabled_reason", "disabled"),
        ("retiring", "retiring"),
    ] {
        let value = endpoint.get(name).unwrap_or(&Value::Null);
        let is_empty = value.is_null()
            || *value == Value::Bool(false)
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty);
        if !is_empty {
            field(title, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    let problems = [("failing", failing(endpoint)), ("waiting for", held(endpoint)), ("template", template(endpoint))];
    for (title, problem) in problems {
        if let Some(problem) = problem {
            field(title, problem);
        }
    }
    if state(endpoint) == "paused" {
        field("paused at", time(endpoint, "/paused_at"));
    }
    field("created at", time(endpoint, "/created_at"));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_is_described_on_one_line_and_in_full() {
        let mut endpoint = json!({
            "id": "ep_1", "name": "ops", "channel": "custom", "url": "https://hooks.example.com/…", "events": [], "resources": ["orders-db"],
            "groups": [], "headers": {"x-key": "…"}, "auth": null, "proxy": null, "schedule": [1, 5], "answer_control": false,
            "state": "active", "disabled_reason": null, "paused_at": "2026-11-21T22:00:00Z", "retiring": [],
            "created_at": "2026-11-21T21:00:00.5Z",
        });
        assert_eq!(line(&endpoint), "ep_1  paused    custom  ops                       https://hooks.example.com/…");
        let expected = "ops: paused
  id              ep_1
  sent to         custom at https://hooks.example.com/…
  events          all
  resources       orders-db
  groups          any, without links to decide
  headers         {\"x-key\":\"…\"}
  schedule        [1,5]
  paused at       2026-11-21 22:00:00
  created at      2026-11-21 21:00:00
";
        assert_eq!(describe(&endpoint), expected);
        endpoint["health"] = json!({"failing_since": "2026-11-21T21:30:00Z", "failures": 7, "last_error": "it answered\n500", "probe_at": null});
        endpoint["held"] = json!({"by": "breaker", "until": "2026-11-21T22:00:30.25Z"});
        let failing = "since 2026-11-21 21:30:00, 7 in a row, last: it answered ⏎ 500";
        let held = "its circuit breaker until 2026-11-21 22:00:30";
        assert!(
            line(&endpoint).ends_with(&format!("/…  failing {failing}  waiting for {held}")),
            "{}",
            line(&endpoint)
        );
        let page = describe(&endpoint);
        assert!(page.contains(&format!("\n  failing         {failing}\n  waiting for     {held}\n")), "{page}");
        endpoint["state"] = json!("disabled");
        endpoint["disabled_reason"] = json!("it answered 410");
        assert!(describe(&endpoint).starts_with("ops: disabled\n"), "disabled is shown before paused");
    }
}
