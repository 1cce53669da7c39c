//! The payload of a request: command, difference, and values of the context.

use serde_json::{Value, json};

use super::read::text;
use crate::approval::Detail;
use crate::channels::redact::Withheld;
use crate::channels::text::{cut, duration, shortened};

/// The heading of the command, for example `Run (sql)`.
pub(super) fn what(request: &Value, withheld: Option<Withheld>) -> String {
    let (whose, language) = (whose(request), language(request));
    match request.pointer("/duration_seconds").and_then(Value::as_u64) {
        Some(seconds) => format!("Access{whose} for {}{language}", duration(seconds)),
        None => format!("Run{}{whose}{language}", something(withheld)),
    }
}

/// The same as a predicate of the requester, for example `asks to run (sql)`.
pub(super) fn asks(request: &Value, withheld: Option<Withheld>) -> String {
    let (whose, language) = (whose(request), language(request));
    match request.pointer("/duration_seconds").and_then(Value::as_u64) {
        Some(seconds) => format!("asks for access{whose} for {}{language}", duration(seconds)),
        None => format!("asks to run{}{whose}{language}", something(withheld)),
    }
}

/// Replaces the command in the heading when redaction removed it.
fn something(withheld: Option<Withheld>) -> &'static str {
    if withheld.is_some_and(|withheld| withheld.detail == Detail::LinkOnly) { " something" } else { "" }
}

fn whose(request: &Value) -> String {
    match text(request, "/beneficiary") {
        "" => String::new(),
        person => format!(" for {person}"),
    }
}

fn language(request: &Value) -> String {
    match text(request, "/language") {
        "" => String::new(),
        language if is_language(language) => format!(" ({language})"),
        // Anything else could forge text in a line of the hub's own.
        _ => " (language: see the request)".to_owned(),
    }
}

/// Returns the language as a message shows it; empty when there is none, `None` when a message does not show it.
pub(in crate::channels) fn shown_language(request: &Value) -> Option<String> {
    is_language(text(request, "/language")).then(|| language(request))
}

/// Whether a text is an ordinary name of a language: `sql`, `PL/pgSQL`, `C++`. Only these may appear in a line of the
/// hub's own.
pub(crate) fn is_language(language: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'#' | b'.' | b'_' | b'-' | b'/');
    language.len() <= 30 && language.bytes().all(is_part)
}

/// Returns the lines that fit, and the number of bytes left out.
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

/// All lines of the command.
pub(in crate::channels) fn command_lines(request: &Value) -> Vec<String> {
    lines(text(request, "/command"), usize::MAX, usize::MAX).0
}

/// A line of a diff with its change: `added`, `removed` or `none`.
pub(super) fn diff_line(line: &str) -> Value {
    let change = match line.as_bytes().first() {
        Some(b'+') => "added",
        Some(b'-') => "removed",
        _ => "none",
    };
    json!({"change": change, "text": line})
}

/// Returns the plain values of the context as name and value, each on one line, and the number of values left out. A
/// context that is not an object counts as one value, and is left out.
pub(super) fn facts(request: &Value, budget: usize, most: usize) -> (Vec<Value>, usize) {
    let members = match request.pointer("/context") {
        None | Some(Value::Null) => return (Vec::new(), 0),
        Some(Value::Object(members)) => members,
        Some(_) => return (Vec::new(), 1),
    };
    let plain = members.iter().filter_map(|(name, value)| Some((name, fact(value)?))).take(most);
    let line = |text: &str, most: usize| in_line(&shortened(text, most));
    let shown = |(name, value): (&String, String)| {
        let (name, value) = (line(name, (budget / 7).min(40)), line(&value, budget.min(200)));
        json!({"name": or_dash(&name), "value": or_dash(&value)})
    };
    let facts: Vec<Value> = plain.map(shown).collect();
    let more = members.len() - facts.len();
    (facts, more)
}

/// Returns the complete context as names and values in the form of [`facts`]. `None` when it contains a value without
/// an unambiguous form: nested values, `null`, and lists with texts that contain white space.
pub(in crate::channels) fn shown_context(request: &Value) -> Option<Vec<(String, String)>> {
    let members = match request.pointer("/context") {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(context) => context.as_object()?,
    };
    let is_word = |item: &Value| {
        let text = item.as_str();
        text.is_none_or(|text| !text.is_empty() && !text.contains(char::is_whitespace))
    };
    let is_clear = |value: &Value| value.as_array().is_none_or(|items| items.iter().all(is_word));
    let shown = |(name, value): (&String, &Value)| {
        let value = in_line(&fact(value).filter(|_| is_clear(value))?);
        Some((or_dash(&in_line(name)).to_owned(), or_dash(&value).to_owned()))
    };
    members.iter().map(shown).collect()
}

/// Replaces line breaks: inside a code block, text after one would look like the next value.
fn in_line(text: &str) -> String {
    text.replace('\n', " ⏎ ")
}

/// Writes a plain value, or a list of plain values, as text: approvers must see the words of a command line.
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

/// Replaces empty text by a dash: most message formats reject empty text.
pub(super) const fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_shown_only_if_it_is_a_name() {
        let asked = |language: &str| what(&json!({"language": language}), None);
        for word in ["sql", "PL/pgSQL", "C++", "F#"] {
            assert_eq!(asked(word), format!("Run ({word})"));
        }
        assert_eq!(asked(""), "Run");
        for text in ["sql). Approved by dana (", "sql\nx", &"x".repeat(31)] {
            assert_eq!(asked(text), "Run (language: see the request)");
        }
    }

    #[test]
    fn cut_lines_are_counted() {
        let (shown, left_out) = lines("select 1\n  from x\nwhere", 14, 40);
        assert_eq!(shown, ["select 1", "  fro"]);
        assert_eq!(left_out, "m x\nwhere".len());
        assert_eq!(lines("a\nb\nc", 14, 2), (vec!["a".to_owned(), "b".to_owned()], 1));
    }
}
