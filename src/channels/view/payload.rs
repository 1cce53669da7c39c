//! What is asked for: the command, what changed of it, and the facts of its context.

use serde_json::{Map, Value, json};

use crate::channels::text::{cut, duration};

/// What is asked for, before the command itself.
pub(super) fn asks(request: &Value) -> String {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let language = text("/language").map(|language| format!(" ({language})")).unwrap_or_default();
    let whose = text("/beneficiary").map(|person| format!(" for {person}")).unwrap_or_default();
    match request.pointer("/duration_seconds").and_then(Value::as_u64) {
        Some(seconds) => format!("asks for access{whose} for {}{language}", duration(seconds)),
        None => format!("asks to run{whose}{language}:"),
    }
}

/// The command's lines as far as they fit, and how many bytes are left out.
pub(super) fn lines(command: &str, budget: usize, most: usize) -> (Vec<String>, usize) {
    let mut shown = Vec::new();
    let mut left = budget;
    let mut used = 0;
    for line in command.split_inclusive('\n').take(most) {
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

/// A line of a diff, and whether it is `added`, `removed` or neither.
pub(super) fn diff_line(line: &str) -> Value {
    let change = match line.as_bytes().first() {
        Some(b'+') => "added",
        Some(b'-') => "removed",
        _ => "none",
    };
    json!({"change": change, "text": line})
}

/// Plain values of the context, as name and value.
pub(super) fn facts(request: &Value, budget: usize, most: usize) -> Vec<Value> {
    let members = request.pointer("/context").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    members
        .iter()
        .filter_map(|(name, value)| Some((name, fact(value)?)))
        .take(most)
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
pub(super) const fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_loudly() {
        let (shown, left_out) = lines("select 1\n  from x\nwhere", 14, 40);
        assert_eq!(shown, ["select 1", "  fro"]);
        assert_eq!(left_out, "m x\nwhere".len());
        assert_eq!(lines("a\nb\nc", 14, 2), (vec!["a".to_owned(), "b".to_owned()], 1));
    }
}
