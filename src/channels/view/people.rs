//! Who asks, who voted, who decided.

use serde_json::Value;

use super::{items, listed, text};
use crate::channels::text::shortened;

/// Most bytes of a name. An address is never cut: it is ASCII, and takes no more room than it has characters.
const NAME: usize = 100;

/// Who asks, and in whose name.
pub(super) fn requester(request: &Value, budget: usize) -> String {
    let name = |name: &str| shortened(name, budget.min(NAME));
    let part = |name: &str| {
        let text = request.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
    };
    let who = match (part("name"), part("email")) {
        // Whose name looks like one with an address behind it is not taken for somebody else.
        (Some(known), Some(email)) if known.contains(['(', ')', '@']) => {
            format!("{email}, who goes by the name of {}", name(known))
        }
        (Some(known), Some(email)) => format!("{} ({email})", name(known)),
        (Some(known), None) => name(known),
        (None, Some(email)) => email.to_owned(),
        (None, None) => "a system".to_owned(),
    };
    match part("acting_for") {
        Some(human) => format!("{who}, acting for {human}"),
        None => who,
    }
}

/// Who it was, when that may be nobody.
pub(super) const fn or_system(person: &str) -> &str {
    if person.is_empty() { "a system" } else { person }
}

/// Who changed the payload.
pub(super) fn changed_by(request: &Value) -> String {
    match (text(request, "/change/by"), text(request, "/change/role")) {
        ("", "operator") => "an operator of this hub".to_owned(),
        (person, "operator") => format!("{person}, an operator of this hub"),
        (person, _) => or_system(person).to_owned(),
    }
}

/// Who decided, or what.
pub(super) fn decided_by(request: &Value, budget: usize) -> String {
    let people = items(request, "/decision/by").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let named = listed(people, budget);
    match (named.as_str(), text(request, "/decision/rule"), text(request, "/decision/group")) {
        ("", "", "") => String::new(),
        ("", "", group) => format!("nobody: members of {group} need no approval"),
        ("", rule, _) => format!("rule {rule}"),
        _ => named,
    }
}

/// Who has voted, and how: votes that count.
pub(super) fn votes(request: &Value, budget: usize) -> String {
    let is_live = |vote: &&Value| vote.get("voided").and_then(Value::as_bool) != Some(true);
    let shown = |vote: &Value| {
        let mark = if text(vote, "/decision") == "reject" { "👎" } else { "👍" };
        match text(vote, "/on_behalf_of") {
            "" => format!("{mark} {}", text(vote, "/person")),
            absent => format!("{mark} {} for {absent}", text(vote, "/person")),
        }
    };
    listed(items(request, "/votes").iter().filter(is_live).map(shown).collect(), budget)
}

/// What the newest vote was, when it decided nothing.
pub(super) fn newest_vote(request: &Value) -> &'static str {
    match items(request, "/votes").last().map(|vote| text(vote, "/decision")) {
        Some("reject") => "👎 One more rejection",
        _ => "👍 One more approval",
    }
}
