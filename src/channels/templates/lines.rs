//! Which line of a template rendered a place of its output.
//!
//! A template has a twin whose lines end in a mark with their number. Only when a rendered body is not what it should be is the twin
//! rendered too, and the mark behind the place tells the line, through loops, blocks and parts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::expand::line_of;

/// Around a line's number; private-use characters that `visible` and JSON escapes keep out of values.
pub(super) const MARK: [char; 2] = ['\u{f0001}', '\u{f0002}'];

/// The text with a mark at the end of each line. A template's number is not known yet: [`numbered`] puts it in.
pub(super) fn mark(text: &str) -> String {
    let [open, close] = MARK;
    text.lines().enumerate().map(|(index, line)| format!("{line}{open}{}{close}\n", index + 1)).collect()
}

/// The marks in a piece of the text of the template with that number, such that they tell it too.
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

/// The number in the first mark behind a place of `plain`, in `marked`, which is the same text but for marks. Places are found by
/// counting what is neither mark nor white space.
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

/// Where a JSON error stands in the text.
pub(super) fn place_of_error(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column()
}

/// Where what a JSON Pointer (RFC 6901) points to begins in a JSON text.
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
        // It is a part of the text, so the difference of where they begin is its place.
        place += inner.as_ptr() as usize - value.as_ptr() as usize;
    }
    Some(place)
}

/// The first value of a text.
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
