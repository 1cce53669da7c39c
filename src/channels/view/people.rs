//! Who asks, who voted, who decided.

use serde_json::Value;

use super::read::{items, listed, text};
use crate::approval::who_asks;
use crate::channels::text::shortened;

/// Most bytes of a name. An address is never cut: it is ASCII, and takes no more room than it has characters.
const NAME: usize = 100;

/// Who asks, and in whose name.
pub(super) fn requester(request: &Value, budget: usize) -> String {
    let part = |name: &str| request.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
    let name = part("name").map(|name| shortened(name, budget.min(NAME)));
    who_asks(name.as_deref(), part("email"), part("acting_for"))
}

/// Who may reject and not approve besides who asks, and by whose word.
pub(super) fn excluded(request: &Value, budget: usize) -> String {
    let said = |one: &Value| {
        let why = match text(one, "/as") {
            "acting_for" => "in whose name it is asked, as the requester gave it",
            "beneficiary" => "for whom it is asked, as the requester gave it",
            "token_owner" => "whose token asked",
            "conflicted" => "whom the policy lists",
            _ => return None,
        };
        Some(format!("{} ({why})", text(one, "/person")))
    };
    listed(items(request, "/excluded").iter().filter_map(said).collect(), budget)
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
