//! Reads values of a request's JSON, in which any member may be absent.

use serde_json::Value;

/// Returns the text at a JSON Pointer, or empty text.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the items of the list at a JSON Pointer, or an empty list.
pub(super) fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Joins as many texts as fit, at least one, and adds the number of those left out.
pub(super) fn listed(all: Vec<String>, budget: usize) -> String {
    let mut shown = String::new();
    for (number, one) in all.iter().enumerate() {
        if number > 0 && shown.len() + one.len() > budget {
            return format!("{shown} and {} more", all.len() - number);
        }
        shown.push_str(if number > 0 { ", " } else { "" });
        shown.push_str(one);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_show_how_many_are_left_out() {
        let all = |count: usize| (0..count).map(|number| format!("g{number}")).collect();
        assert_eq!(listed(all(3), 40), "g0, g1, g2");
        assert_eq!(listed(all(20), 10), "g0, g1, g2 and 17 more");
        assert_eq!(listed(all(2), 0), "g0 and 1 more");
        assert_eq!(listed(Vec::new(), 0), "");
    }
}
