//! The people of a request: requester, excluded people, voters and deciders.

use serde_json::Value;

use super::read::{items, listed, text};
use crate::approval::who_asks;
use crate::channels::text::shortened;

/// Most bytes of a name. An address is never cut: it is ASCII and short.
const NAME: usize = 100;

/// The requester, and the person on whose behalf the request is made.
pub(super) fn requester(request: &Value, budget: usize) -> String {
    let part = |name: &str| request.pointer(&format!("/requester/{name}")).and_then(Value::as_str);
    let name = part("name").map(|name| shortened(name, budget.min(NAME)));
    who_asks(name.as_deref(), part("email"), part("acting_for"))
}

/// People besides the requester who may reject but not approve, each with the source of the exclusion.
pub(super) fn excluded(request: &Value, budget: usize) -> String {
    let described = |one: &Value| {
        let why = match text(one, "/as") {
            "acting_for" => "on whose behalf it is requested, as the requester gave it",
            "beneficiary" => "beneficiary, as the requester gave it",
            "token_owner" => "owner of the requesting token",
            "conflicted" => "listed in the policy",
            _ => return None,
        };
        Some(format!("{} ({why})", text(one, "/person")))
    };
    listed(items(request, "/excluded").iter().filter_map(described).collect(), budget)
}

/// The person, or `a system` when there is none.
pub(super) const fn or_system(person: &str) -> &str {
    if person.is_empty() { "a system" } else { person }
}

/// The person who changed the payload.
pub(super) fn changed_by(request: &Value) -> String {
    match (text(request, "/change/by"), text(request, "/change/role")) {
        ("", "operator") => "an operator of this hub".to_owned(),
        (person, "operator") => format!("{person}, an operator of this hub"),
        (person, _) => or_system(person).to_owned(),
    }
}

/// The deciders: people, a rule, or an exempt group.
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

/// The valid votes, each with its voter.
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

/// The comment of `request.commented`, with its author.
pub(super) fn commented(request: &Value) -> String {
    let author = match text(request, "/comment/person") {
        "" => text(request, "/comment/token"),
        person => person,
    };
    format!("{author}: {}", text(request, "/comment/text"))
}

/// The title of `request.voted`: a vote that left the request pending.
pub(super) fn newest_vote(request: &Value) -> &'static str {
    match items(request, "/votes").last().map(|vote| text(vote, "/decision")) {
        Some("reject") => "👎 One more rejection",
        _ => "👍 One more approval",
    }
}
