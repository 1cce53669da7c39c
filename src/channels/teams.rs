//! Microsoft Teams, through a workflow that posts a card: an Adaptive Card 1.4 in the workflow's envelope.
//!
//! Text that a requester wrote goes into `TextRun`s, which no client reads as Markdown.

use serde_json::{Map, Value, json};

use super::schema::TEAMS;
use super::text::{cut, duration};
use super::{Notice, RenderError, SlotLinks, Subject, Success, Templates, Validators};
use crate::store::endpoints::Channel;

/// Teams takes 28 KB of re-encoded properties; this leaves room for the re-encoding.
const BUDGET: usize = 20_000;
/// Bytes of the command shown at first; halved until the card fits.
const COMMAND: usize = 6_000;
/// Times that the texts are halved before giving up.
const HALVINGS: u32 = 6;
/// Lines of the command shown.
const LINES: usize = 40;
/// Slots whose buttons are shown, a row each.
const SLOTS: usize = 6;
/// Facts of the context shown.
const FACTS: usize = 6;

pub(super) fn render(
    templates: &Templates,
    validators: &Validators,
    notice: &Notice<'_>,
) -> Result<String, RenderError> {
    let mut oversize = None;
    let (request, endpoint) = match notice.subject {
        Subject::Request(text) => (Some(notice.read(text)?), Value::Null),
        Subject::Endpoint(text) => (None, notice.read(text)?),
        Subject::Nothing => (None, Value::Null),
    };
    for halving in 0..=HALVINGS {
        let data = match &request {
            Some(request) => view(notice, request, COMMAND >> halving),
            None => endpoint_view(notice, &endpoint),
        };
        let (name, _, body) = templates.render(Channel::Teams, notice.kind, &data)?;
        validators.check(&name, TEAMS, &body)?;
        let compact = body.to_string();
        if compact.len() <= BUDGET {
            return Ok(compact);
        }
        oversize = Some(RenderError::TooBig { name, size: compact.len(), budget: BUDGET });
    }
    Err(oversize.unwrap_or_else(|| RenderError::Missing(notice.kind.to_owned())))
}

pub(super) fn judge_success(status: u16, answer: &str) -> Success {
    // A workflow answers 202 when it has started: whether a card was posted shows only in its run history.
    if status == 202 {
        return Success::Accepted;
    }
    // The retired connectors answer 200 and put the failure into the text.
    if answer.contains("Webhook message delivery failed") || answer.contains("HTTP error") {
        return Success::Refused(cut(answer, 200).0.to_owned());
    }
    Success::Delivered
}

/// What the templates see: the request, and its long texts cut to what a card can show.
fn view(notice: &Notice<'_>, request: &Value, budget: usize) -> Value {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (command, command_cut) = lines(text("/command"), budget);
    let (reason, reason_cut) = cut(text("/reason"), budget / 4);
    let (decision_reason, _) = cut(text("/decision/reason"), budget / 4);
    // A change is told once: afterwards it is what is asked for.
    let (diff, diff_cut) = lines(if notice.kind == "request.revised" { text("/change/diff") } else { "" }, budget / 2);
    json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "resource": text("/resource"),
        "id": text("/id"),
        "digest": cut(text("/digest"), 12).0,
        "expires_at": text("/expires_at"),
        "url": text("/url"),
        "requester": requester(request),
        "asks": asks(request),
        "note": note(request),
        "newest_vote": newest_vote(request),
        "revision": request.pointer("/revision").map(Value::to_string).unwrap_or_default(),
        "changed_by": if diff.is_empty() { "" } else { or_system(text("/change/by")) },
        "diff": diff.iter().map(|line| diff_line(line)).collect::<Vec<_>>(),
        "diff_cut": diff_cut,
        "command": command,
        "command_cut": command_cut,
        "reason": reason,
        "reason_cut": reason_cut,
        "facts": facts(request, budget / 8),
        "slots": slots(request),
        "decision_reason": decision_reason,
        "decided_by": decided_by(request),
        "several": notice.links.slots.len() > 1,
        "links": buttons(&notice.links.slots),
    })
}

/// What the templates see of an endpoint.
fn endpoint_view(notice: &Notice<'_>, endpoint: &Value) -> Value {
    let text = |pointer: &str| endpoint.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    json!({
        "event": {"id": notice.id, "type": notice.kind, "at": notice.at},
        "name": or_dash(text("/name")),
        "id": or_dash(text("/id")),
        "reason": cut(text("/reason"), 1_000).0,
        "since": text("/failing_since"),
        "off_at": text("/disabled_at_latest"),
    })
}

/// The links of each slot, as many as a card has room for; the review page of any slot shows the whole request.
fn buttons(slots: &[SlotLinks]) -> Vec<Value> {
    let button = |slot: &SlotLinks| {
        json!({
            "group": slot.group,
            "review": slot.review,
            "approve": slot.approve.as_deref().unwrap_or_default(),
            "reject": slot.reject.as_deref().unwrap_or_default(),
        })
    };
    slots.iter().take(SLOTS).map(button).collect()
}

/// The command's lines as far as they fit, and how many bytes are left out.
fn lines(command: &str, budget: usize) -> (Vec<String>, usize) {
    let mut shown = Vec::new();
    let mut left = budget;
    let mut used = 0;
    for line in command.split_inclusive('\n').take(LINES) {
        let (kept, rest) = cut(line, left);
        left -= kept.len();
        used += kept.len();
        shown.push(kept.trim_end_matches('\n').to_owned());
        if rest > 0 {
            break;
        }
    }
    (shown, command.len() - used)
}

fn requester(request: &Value) -> String {
    let part = |name: &str| {
        let text = request.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
    };
    match (part("name"), part("email")) {
        (Some(name), Some(email)) => format!("{} ({email})", cut(name, 100).0),
        (Some(one), None) | (None, Some(one)) => cut(one, 254).0.to_owned(),
        (None, None) => "a system".to_owned(),
    }
}

/// What is asked for, before the command itself.
fn asks(request: &Value) -> String {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let language = text("/language").map(|language| format!(" ({language})")).unwrap_or_default();
    let whose = text("/beneficiary").map(|person| format!(" for {person}")).unwrap_or_default();
    match request.pointer("/duration_seconds").and_then(Value::as_u64) {
        Some(seconds) => format!("asks for access{whose} for {}{language}", duration(seconds)),
        None => format!("asks to run{whose}{language}:"),
    }
}

/// How using it went, and until when access lasts.
fn note(request: &Value) -> String {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
    let execution = text("/execution/status").map(|status| {
        let code = request.pointer("/execution/exit_code").and_then(Value::as_i64);
        format!("Use: {status}{}", code.map(|code| format!(", exit code {code}")).unwrap_or_default())
    });
    let grant = text("/grant/status").map(|status| {
        let (from, to) = (text("/grant/starts_at").unwrap_or_default(), text("/grant/ends_at").unwrap_or_default());
        format!("Access of {}: {status}, {from} to {to}", text("/grant/requester").unwrap_or_default())
    });
    execution.or(grant).unwrap_or_default()
}

fn diff_line(line: &str) -> Value {
    let color = match line.as_bytes().first() {
        Some(b'+') => "Good",
        Some(b'-') => "Attention",
        _ => "Default",
    };
    json!({"color": color, "text": line})
}

const fn or_system(person: &str) -> &str {
    if person.is_empty() { "a system" } else { person }
}

/// Plain values of the context, as name and value.
fn facts(request: &Value, budget: usize) -> Vec<Value> {
    let members = request.pointer("/context").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    members
        .iter()
        .filter_map(|(name, value)| Some((name, fact(value)?)))
        .take(FACTS)
        .map(
            |(name, value)| json!({"name": or_dash(cut(name, 40).0), "value": or_dash(cut(&value, budget.min(200)).0)}),
        )
        .collect()
}

/// A plain value as text, and a list of plain values: the words of a program are what approvers have to see.
fn fact(value: &Value) -> Option<String> {
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(" ")),
        value => plain(value),
    }
}

/// Something to show in place of nothing: a card takes no empty text.
const fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

fn slots(request: &Value) -> String {
    let slots = request.pointer("/slots").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> = slots
        .iter()
        .take(8)
        .map(|slot| {
            let number = |name: &str| slot.get(name).and_then(Value::as_u64).unwrap_or_default();
            let group = slot.get("group").and_then(Value::as_str).unwrap_or_default();
            format!("{group}: {} of {}", number("approved"), number("needed"))
        })
        .collect();
    let more = if slots.len() > named.len() { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn decided_by(request: &Value) -> String {
    let people = request.pointer("/decision/by").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named: Vec<&str> = people.iter().take(8).filter_map(Value::as_str).collect();
    let more = if people.len() > named.len() { ", …" } else { "" };
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
    match (named.is_empty(), text("/decision/rule"), text("/decision/group")) {
        (true, Some(rule), _) => format!("rule {rule}"),
        (true, None, Some(group)) => format!("nobody: members of {group} need no approval"),
        _ => format!("{}{more}", named.join(", ")),
    }
}

/// What the newest vote was, when it decided nothing.
fn newest_vote(request: &Value) -> &'static str {
    let votes = request.pointer("/votes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match votes.last().and_then(|vote| vote.get("decision")).and_then(Value::as_str) {
        Some("reject") => "👎 One more rejection",
        _ => "👍 One more approval",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_loudly() {
        let (shown, left_out) = lines("select 1\n  from x\nwhere", 14);
        assert_eq!(shown, ["select 1", "  fro"]);
        assert_eq!(left_out, "m x\nwhere".len());
    }

    #[test]
    fn an_answer_that_says_yes_and_means_no() {
        assert_eq!(judge_success(202, ""), Success::Accepted);
        assert_eq!(judge_success(200, "1"), Success::Delivered);
        let refused = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429";
        assert!(matches!(judge_success(200, refused), Success::Refused(_)));
    }
}
