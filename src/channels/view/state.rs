//! How it stands: how far the slots are filled, and how using it went.

use serde_json::Value;

/// How many approvals each slot has.
pub(super) fn slots(request: &Value) -> String {
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

/// How using it went, and until when access lasts; and what is kept back.
pub(super) fn note(request: &Value, withheld: &str) -> String {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str);
    let execution = text("/execution/status").map(|status| {
        let code = request.pointer("/execution/exit_code").and_then(Value::as_i64);
        format!("Use: {status}{}", code.map(|code| format!(", exit code {code}")).unwrap_or_default())
    });
    let grant = text("/grant/status").map(|status| {
        let (from, to) = (text("/grant/starts_at").unwrap_or_default(), text("/grant/ends_at").unwrap_or_default());
        format!("Access of {}: {status}, {from} to {to}", text("/grant/requester").unwrap_or_default())
    });
    let used = execution.or(grant).unwrap_or_default();
    match (used.is_empty(), withheld.is_empty()) {
        (_, true) => used,
        (true, false) => format!("Kept back: {withheld}"),
        (false, false) => format!("{used}. Kept back: {withheld}"),
    }
}
