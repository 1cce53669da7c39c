//! `countersign endpoint test`

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::EndpointArgs;
use crate::channels::text::{indented, one_line};
use crate::cli::connection::{Call, Connection};
use crate::cli::output;
use crate::cli::pages::text;

/// Seconds that the hub waits for a target's answer at most.
const LONGEST: u64 = 120;

/// Send a sample event to an endpoint at once, also when it is paused or disabled
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code:
  0    the endpoint accepted the event
  1    the endpoint did not accept it, or the hub refused

Example:
  countersign endpoint test dba-teams --event request.approved")]
pub(super) struct Test {
    #[command(flatten)]
    one: EndpointArgs,
    /// The kind of event [default: request.created]
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
}

impl Test {
    pub(super) async fn run(&self, hub: &Connection) -> anyhow::Result<ExitCode> {
        let body = self.event.as_ref().map_or_else(|| json!({}), |event| json!({"event": event}));
        let call = Call::post(self.one.path(hub, "/test").await?, body).with_wait(LONGEST);
        let answer = hub.send(&call).await?;
        output::print_answer(self.one.json, &answer, describe)?;
        let delivered = answer.get("delivered").and_then(Value::as_bool) == Some(true);
        Ok(if delivered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Describes what was sent, and the answer.
fn describe(answer: &Value) -> String {
    let delivered = answer.get("delivered").and_then(Value::as_bool) == Some(true);
    let millis = answer.get("duration_us").and_then(Value::as_u64).unwrap_or_default() / 1_000;
    let mut lines = match (delivered, text(answer, "/error")) {
        (true, _) => format!("delivered in {millis} ms\n"),
        (false, error) => format!("not delivered ({}) after {millis} ms: {error}\n", text(answer, "/class")),
    };
    if let Some(request) = answer.get("request").filter(|request| request.is_object()) {
        lines.push_str(&format!("  {} {}\n", text(request, "/method"), text(request, "/url")));
        lines.push_str(&message(request));
    }
    if let Some(answer) = answer.get("answer").filter(|answer| answer.is_object()) {
        let status = answer.get("status").and_then(Value::as_u64).unwrap_or_default();
        lines.push_str(&format!("  answered {status}\n{}", message(answer)));
    }
    lines
}

/// Headers and body, escaped and indented: others wrote them, and they must not look like a line of this program.
fn message(part: &Value) -> String {
    let headers = part.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers = headers.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let mut lines: String =
        headers.map(|(name, value)| format!("  {}\n", one_line(&format!("{name}: {value}")))).collect();
    if let Some(body) = part.get("body").and_then(Value::as_str).filter(|body| !body.is_empty()) {
        lines.push_str(&format!("{}\n", indented(body)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_described() {
        let mut answer = json!({
            "delivered": true, "class": "success", "error": null, "duration_us": 12_345,
            "request": {"method": "POST", "url": "https://hooks.example.com/…", "headers": {"webhook-id": "evt_1"}, "body": "{}"},
            "answer": {"status": 200, "headers": {"server": "x\n  forged: y"}, "body": "ok\nwell"},
        });
        let expected = "delivered in 12 ms
  POST https://hooks.example.com/…
  webhook-id: evt_1

    {}
  answered 200
  server: x ⏎   forged: y

    ok
    well
";
        assert_eq!(describe(&answer), expected);
        answer["delivered"] = json!(false);
        (answer["class"], answer["error"], answer["answer"]) = (json!("transient"), json!("no answer"), Value::Null);
        assert!(describe(&answer).starts_with("not delivered (transient) after 12 ms: no answer\n"));
    }
}
