//! How it stands: how far the slots are filled, how long there is left, what rules found, how using it went.

use serde_json::Value;

use super::{items, listed, text};
use crate::channels::text::{duration, shortened};
use crate::time::Timestamp;

/// Most bytes of what a rule says.
const FINDING: usize = 200;
/// Rules named.
const FINDINGS: usize = 6;

/// How many approvals each slot has, and who may give them besides.
pub(super) fn slots(request: &Value, budget: usize) -> String {
    let shown = |slot: &Value| {
        let number = |name: &str| slot.get(name).and_then(Value::as_u64).unwrap_or_default();
        let also: Vec<&str> = items(slot, "/also").iter().filter_map(Value::as_str).collect();
        let also = if also.is_empty() { String::new() } else { format!(" (also {})", also.join(", ")) };
        format!("{}{also}: {} of {}", text(slot, "/group"), number("approved"), number("needed"))
    };
    listed(items(request, "/slots").iter().map(shown).collect(), budget)
}

/// From when it was told until it is too late; empty when it is.
pub(super) fn time_left(request: &Value, told: Timestamp) -> String {
    let Ok(end) = text(request, "/expires_at").parse::<Timestamp>() else { return String::new() };
    if end <= told { String::new() } else { duration(end.since(told).as_secs().max(1)) }
}

/// The guardrails that want people to look at it, and what each says.
pub(super) fn findings(request: &Value, budget: usize) -> Vec<String> {
    let shown = |finding: &Value| match text(finding, "/reason") {
        "" => text(finding, "/rule").to_owned(),
        reason => format!("{}: {}", text(finding, "/rule"), shortened(reason, budget.min(FINDING))),
    };
    let all = items(request, "/asking_rules");
    let mut named: Vec<String> = all.iter().take(FINDINGS).map(shown).collect();
    if all.len() > FINDINGS {
        named.push(format!("and {} more", all.len() - FINDINGS));
    }
    named
}

/// How using it went, and until when access lasts; and what is kept back.
pub(super) fn note(request: &Value, withheld: &str) -> String {
    let execution = match text(request, "/execution/status") {
        "" => None,
        status => {
            let code = request.pointer("/execution/exit_code").and_then(Value::as_i64);
            Some(format!("Use: {status}{}", code.map(|code| format!(", exit code {code}")).unwrap_or_default()))
        }
    };
    let grant = || match text(request, "/grant/status") {
        "" => String::new(),
        status => {
            let (from, to) = (text(request, "/grant/starts_at"), text(request, "/grant/ends_at"));
            format!("Access of {}: {status}, {from} to {to}", text(request, "/grant/requester"))
        }
    };
    let used = execution.unwrap_or_else(grant);
    match (used.is_empty(), withheld.is_empty()) {
        (_, true) => used,
        (true, false) => format!("Kept back: {withheld}"),
        (false, false) => format!("{used}. Kept back: {withheld}"),
    }
}
