//! Finds the template line that rendered a place of the output.
//!
//! A template's twin ends each line with a mark that contains the line's number. When a body is invalid, the twin is
//! rendered too: the first mark after the place gives the line, through loops, blocks and parts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::expand::line_of;

/// Delimiters of a line number: private-use characters, which `visible` and JSON escapes keep out of values.
pub(super) const MARK: [char; 2] = ['\u{f0001}', '\u{f0002}'];

/// Appends a mark to each line. The template's number is not yet known; [`numbered`] adds it.
pub(super) fn mark(text: &str) -> String {
    let [open, close] = MARK;
    text.lines().enumerate().map(|(index, line)| format!("{line}{open}{}{close}\n", index + 1)).collect()
}

/// Adds the template's number to the marks in a piece of its text.
pub(super) fn numbered(text: &str, number: usize) -> String {
    let [open, close] = MARK;
    let mut pieces = text.split(open);
    let mut numbered = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (line, rest) = piece.split_once(close).unwrap_or((piece, ""));
        let line = line.parse().map(|line| line_of(number, line)).unwrap_or_default();
        numbered.push_str(&format!("{open}{line}{close}{rest}"));
    }
    numbered
}

/// Returns the number in the first mark after a place. `marked` is the text of `plain` with marks; places correspond
/// by the count of characters that are neither marks nor white space.
pub(super) fn at(plain: &str, marked: &str, place: usize) -> Option<usize> {
    let [open, close] = MARK;
    let before = plain.get(..plain.floor_char_boundary(place))?;
    let mut left = before.chars().filter(|character| !character.is_whitespace()).count();
    let mut inside = false;
    let mut number = String::new();
    for character in marked.chars() {
        match character {
            c if c == open => inside = true,
            c if c == close => {
                inside = false;
                if left == 0 {
                    return number.parse().ok();
                }
                number.clear();
            }
            digit if inside => number.push(digit),
            space if space.is_whitespace() => {}
            _ => left = left.saturating_sub(1),
        }
    }
    None
}

/// The byte offset of a JSON error.
pub(super) fn place_of_error(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column()
}

/// The byte offset of the value at a JSON Pointer (RFC 6901).
pub(super) fn place_of_pointer(text: &str, pointer: &str) -> Option<usize> {
    let mut place = 0;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let value = text.get(place..)?;
        let inner = if value.trim_start().starts_with('[') {
            let items: Vec<&RawValue> = parse(value)?;
            items.get(token.parse::<usize>().ok()?)?.get()
        } else {
            let members: BTreeMap<Cow<'_, str>, &RawValue> = parse(value)?;
            members.get(token.as_str())?.get()
        };
        // `inner` is a slice of `value`, so the difference of their addresses is its offset.
        place += inner.as_ptr() as usize - value.as_ptr() as usize;
    }
    Some(place)
}

/// Parses the first value of a text.
fn parse<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Option<T> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_found_in_the_text() {
        let text = "{\"a\": [1, {\"b/c\": \"x\"}],\n \"d\": 2}";
        let at = |pointer: &str| place_of_pointer(text, pointer).and_then(|place| text.get(place..));
        assert_eq!(at(""), Some(text));
        assert!(at("/a/1/b~1c").unwrap().starts_with("\"x\"}]"));
        assert_eq!(at("/d"), Some("2}"));
        assert_eq!(at("/a/7"), None);
        assert_eq!(at("/d/x"), None);
    }
}
