//! The progress of a request: approvals per slot, time left, findings of rules, and the execution or grant.

use serde_json::{Value, json};

use super::people::or_system;
use super::read::{items, text};
use crate::channels::text::{duration, shortened, utc};
use crate::time::Timestamp;

/// Most bytes of a rule's reason.
const FINDING: usize = 200;
/// Most rules named.
const FINDINGS: usize = 6;

/// The approvals of each slot and the groups that escalation added. Returns as many slots as fit into `budget` bytes,
/// at least one, and the number of those left out.
pub(super) fn approvals(request: &Value, budget: usize) -> (Vec<Value>, usize) {
    let all = items(request, "/slots");
    let mut shown: Vec<Value> = Vec::new();
    let mut left = budget;
    for slot in all {
        let slot = approval(slot);
        let length = slot_text(&slot).len();
        if length > left && !shown.is_empty() {
            break;
        }
        left = left.saturating_sub(length + ", ".len());
        shown.push(slot);
    }
    let more = all.len() - shown.len();
    (shown, more)
}

fn approval(slot: &Value) -> Value {
    let number = |name: &str| slot.get(name).and_then(Value::as_u64).unwrap_or_default();
    let also: Vec<&str> = items(slot, "/also").iter().filter_map(Value::as_str).collect();
    json!({
        "group": text(slot, "/group"), "also": also.join(", "), "approved": number("approved"), "needed": number("needed"),
    })
}

fn slot_text(approval: &Value) -> String {
    let number = |name: &str| approval.get(name).and_then(Value::as_u64).unwrap_or_default();
    let also = match text(approval, "/also") {
        "" => String::new(),
        also => format!(" (also {also})"),
    };
    format!("{}{also}: {} of {}", text(approval, "/group"), number("approved"), number("needed"))
}

/// The slots of [`approvals`] as one text.
pub(super) fn slots(approvals: &[Value], more: usize) -> String {
    let all = approvals.iter().map(slot_text).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{all} and {more} more") } else { all }
}

/// The time from the event until the request expires; empty when it has expired.
pub(super) fn time_left(request: &Value, event_at: Timestamp) -> String {
    let Ok(end) = text(request, "/expires_at").parse::<Timestamp>() else { return String::new() };
    if end <= event_at { String::new() } else { duration(end.since(event_at).as_secs().max(1)) }
}

/// The guardrail rules that require approval, each with its reason.
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

/// One line on the execution or the grant, and on what is withheld.
pub(super) fn note(request: &Value, withheld: &str, budget: usize) -> String {
    let used = match text(request, "/execution/status") {
        "" => grant(request, budget),
        // The title already says so.
        "claimed" => String::new(),
        "revoked" => {
            let (by, why) = (text(request, "/execution/revoked_by"), text(request, "/execution/reason"));
            format!("Execution: revoked by {}{}", or_system(by), because(why, budget))
        }
        status => {
            let code = request.pointer("/execution/exit_code").and_then(Value::as_i64);
            format!("Execution: {status}{}", code.map(|code| format!(", exit code {code}")).unwrap_or_default())
        }
    };
    match (used.is_empty(), withheld.is_empty()) {
        (_, true) => used,
        (true, false) => format!("Withheld: {withheld}"),
        (false, false) => format!("{used}. Withheld: {withheld}"),
    }
}

fn grant(request: &Value, budget: usize) -> String {
    let of = |name: &str| text(request, &format!("/grant/{name}"));
    let (status, over) = (of("status"), of("ended_at"));
    if status.is_empty() {
        return String::new();
    }
    let span = match (instant(of("starts_at")), instant(over)) {
        (Some(start), Some(end)) if end < start => format!("{}, before it began", moment(over)),
        _ => format!("{} to {}", moment(of("starts_at")), moment(if over.is_empty() { of("ends_at") } else { over })),
    };
    let (by, why) = match status {
        "revoked" => (format!(" by {}", or_system(of("ended_by"))), because(of("reason"), budget)),
        _ => (String::new(), String::new()),
    };
    format!("Access of {}: {status}{by}, {span}{why}", of("requester"))
}

fn because(reason: &str, budget: usize) -> String {
    if reason.is_empty() { String::new() } else { format!(". Reason: {}", shortened(reason, budget)) }
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn moment(text: &str) -> String {
    instant(text).map_or_else(|| text.to_owned(), utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_grant(status: &str, ended_at: &str, ended_by: Option<&str>, reason: Option<&str>) -> String {
        let grant = json!({
            "requester": "olga@example.com", "status": status, "starts_at": "2026-11-21T12:00:00.5Z",
            "ends_at": "2026-11-21T13:30:00Z", "ended_at": ended_at, "ended_by": ended_by, "reason": reason,
        });
        note(&json!({"grant": grant}), "", 100)
    }

    #[test]
    fn a_grant_is_shown_with_its_actual_end() {
        let ended = "2026-11-21T12:30:00.25Z";
        let of_active = of_grant("active", "", None, None);
        assert_eq!(of_active, "Access of olga@example.com: active, 2026-11-21 12:00 UTC to 2026-11-21 13:30 UTC");
        assert_eq!(
            of_grant("revoked", ended, Some("dana@example.com"), Some("done")),
            "Access of olga@example.com: revoked by dana@example.com, 2026-11-21 12:00 UTC to 2026-11-21 12:30 UTC. Reason: done"
        );
        assert_eq!(
            of_grant("revoked", "2026-11-21T11:59:59Z", None, None),
            "Access of olga@example.com: revoked by a system, 2026-11-21 11:59 UTC, before it began"
        );
    }

    #[test]
    fn an_execution_is_shown_where_the_title_does_not_show_it() {
        let of = |execution: Value| note(&json!({"execution": execution}), "", 100);
        assert_eq!(of(json!({"status": "claimed"})), "");
        assert_eq!(of(json!({"status": "failed", "exit_code": 3})), "Execution: failed, exit code 3");
        let revoked = json!({"status": "revoked", "revoked_by": "dana@example.com", "reason": "not now"});
        assert_eq!(of(revoked), "Execution: revoked by dana@example.com. Reason: not now");
    }

    #[test]
    fn slots_show_how_many_are_left_out() {
        let slot = |group: &str| json!({"group": group, "also": ["leads"], "approved": 0, "needed": 2});
        let request = json!({"slots": [slot("dba"), slot("ops"), slot("security")]});
        let of = |budget| {
            let (shown, more) = approvals(&request, budget);
            slots(&shown, more)
        };
        assert_eq!(of(0), "dba (also leads): 0 of 2 and 2 more");
        assert_eq!(of(60), "dba (also leads): 0 of 2, ops (also leads): 0 of 2 and 1 more");
        assert!(of(200).ends_with(", security (also leads): 0 of 2"));
    }
}
