//! Who asks, who decided, who voted.

use serde_json::Value;

use crate::channels::text::shortened;

/// Who asks.
pub(super) fn requester(request: &Value) -> String {
    let part = |name: &str| {
        let text = request.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
    };
    match (part("name"), part("email")) {
        (Some(name), Some(email)) => format!("{} ({email})", shortened(name, 100)),
        (Some(one), None) | (None, Some(one)) => shortened(one, 254),
        (None, None) => "a system".to_owned(),
    }
}

/// Who it was, when that may be nobody.
pub(super) const fn or_system(person: &str) -> &str {
    if person.is_empty() { "a system" } else { person }
}

/// Who decided, or what.
pub(super) fn decided_by(request: &Value) -> String {
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
pub(super) fn newest_vote(request: &Value) -> &'static str {
    let votes = request.pointer("/votes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match votes.last().and_then(|vote| vote.get("decision")).and_then(Value::as_str) {
        Some("reject") => "👎 One more rejection",
        _ => "👍 One more approval",
    }
}
