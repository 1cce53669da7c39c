//! The description of a request for a person at the terminal.

use crate::channels::text::{duration, indented, one_line};
use crate::cli::shown::{Execution, Grant, RequestStatus, Shown};

/// The most lines of a diff or an output that are shown; the JSON has all lines.
const MAX_LINES: usize = 200;

/// Describes a request: its payload, changes, votes and outcome.
pub(in crate::cli) fn summary(request: &Shown) -> String {
    let mut text = match request.status {
        RequestStatus::Pending => format!("{}: pending until {}\n", request.id, request.expires_at),
        _ => format!("{}\n", request.outcome()),
    };
    field(&mut text, "resource", &request.resource);
    field(&mut text, "requester", &format!("{} at {}", request.requester.who(), request.created_at));
    if let Some(reason) = &request.reason {
        field(&mut text, "reason", reason);
    }
    if let Some(seconds) = request.duration_seconds {
        field(&mut text, "access for", &duration(seconds.into()));
    }
    if let Some(language) = &request.language {
        field(&mut text, "language", language);
    }
    if !request.command.is_empty() {
        block(&mut text, "command", &request.command);
    }
    if let Some(context) = &request.context {
        block(&mut text, "context", &format!("{context:#}"));
    }
    field(&mut text, "digest", &format!("{} (revision {})", request.digest, request.revision));
    if let Some(change) = &request.change {
        lines(&mut text, "changed by", &change.who(), &first_lines(&change.diff));
    }
    for slot in &request.slots {
        field(&mut text, "needs", &format!("{} of {}, has {}", slot.needed, slot.groups(), slot.approved));
    }
    for one in request.excluded.iter().filter(|one| one.role != "requester") {
        field(&mut text, "not by", &one.describe());
    }
    for vote in &request.votes {
        field(&mut text, "vote", &vote.describe());
    }
    if let Some(execution) = &request.execution {
        lines(&mut text, "use", &used(execution), &execution.output.as_deref().map(first_lines).unwrap_or_default());
    }
    if let Some(grant) = &request.grant {
        field(&mut text, "access", &access(grant));
    }
    field(&mut text, "at", &request.url);
    text
}

fn field(text: &mut String, name: &str, value: &str) {
    lines(text, name, value, "");
}

/// A field, followed by an indented block.
fn lines(text: &mut String, name: &str, value: &str, below: &str) {
    text.push_str(&format!("  {name:<10}  {}{}\n", one_line(value), indented(below)));
}

fn block(text: &mut String, name: &str, value: &str) {
    text.push_str(&format!("  {name}{}\n", indented(value)));
}

fn used(execution: &Execution) -> String {
    let mut text = match (execution.status.as_str(), execution.finished_at) {
        ("ready", _) => format!("ready to run until {}", execution.use_by),
        (status, Some(at)) => format!("{status} at {at}"),
        (status, None) => status.to_owned(),
    };
    if let Some(code) = execution.exit_code {
        text.push_str(&format!(", exit code {code}"));
    }
    if let Some(digest) = &execution.output_digest {
        text.push_str(&format!(", output {digest}"));
    }
    text
}

fn access(grant: &Grant) -> String {
    let by = grant.ended_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let ended = grant.ended_at.map(|at| format!(", ended at {at}{by}")).unwrap_or_default();
    format!(
        "{} for {} from {} until {}{ended} ({})",
        grant.status, grant.requester, grant.starts_at, grant.ends_at, grant.id
    )
}

fn first_lines(text: &str) -> String {
    let mut lines = text.lines();
    let mut kept: Vec<&str> = lines.by_ref().take(MAX_LINES).collect();
    let rest = lines.count();
    let more = format!("[… {rest} more lines, see --json …]");
    if rest > 0 {
        kept.push(&more);
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::shown::tests::sample;

    #[test]
    fn a_changed_and_finished_request() {
        let mut answer = sample("psql -c 'delete from carts where old'", &json!({"ticket": 7}), "approved");
        answer["revision"] = json!(2);
        answer["decision"] =
            json!({"outcome": "approved", "method": "votes", "reason": null, "by": ["dana@example.com"]});
        answer["change"] = json!({
            "by": "dana@example.com", "role": "approver", "at": "2026-11-21T22:01:00Z", "from_revision": 1,
            "reason": "not all", "diff": "-delete\n+delete where old",
        });
        answer["votes"] = json!([{
            "id": "vot_1", "person": "dana@example.com", "decision": "approve", "group": "dba", "reason": "not all", "revision": 2,
            "voided": false,
        }]);
        answer["execution"] = json!({
            "status": "succeeded", "use_by": "2026-11-21T23:00:00Z", "finished_at": "2026-11-21T22:02:00Z", "exit_code": 0,
            "output": "DELETE 3\n", "output_digest": "ab", "output_truncated": false,
        });
        let text = summary(&Shown::read(answer, None).unwrap());
        for part in [
            "req_0190c0de0190c0de0190c0de0190c0de: approved by dana@example.com\n",
            "  requester   nora@example.com at 2026-11-21T22:00:00.000000Z\n",
            "  command\n    psql -c 'delete from carts where old'\n",
            "  changed by  dana@example.com (approver): not all\n    -delete\n    +delete where old\n",
            "  vote        dana@example.com approved for dba: not all\n",
            "  use         succeeded at 2026-11-21T22:02:00.000000Z, exit code 0, output ab\n    DELETE 3\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn access_that_was_ended() {
        let mut answer = sample("x", &json!(null), "approved");
        answer["grant"] = json!({
            "id": "grt_1", "status": "revoked", "requester": "nora@example.com", "resource": "orders-db",
            "starts_at": "2026-11-21T22:00:00Z", "ends_at": "2026-11-21T23:00:00Z", "ended_at": "2026-11-21T22:30:00Z",
            "ended_by": "dana@example.com",
        });
        let text = summary(&Shown::read(answer, None).unwrap());
        assert!(text.contains("revoked for nora@example.com from"), "{text}");
        assert!(text.contains(", ended at 2026-11-21T22:30:00.000000Z by dana@example.com (grt_1)"), "{text}");
    }
}
