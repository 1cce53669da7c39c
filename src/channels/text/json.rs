//! Text inside JSON.

use std::fmt::Write as _;

use crate::unicode::is_hidden;

/// Text as the inside of a JSON string (RFC 8259 §7).
pub fn in_json(text: &str) -> String {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// The same JSON with whatever shows nothing written as an escape: for a program it says the same, and on a terminal it does nothing.
pub fn ascii_json(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for character in json.chars() {
        // Below U+0020, JSON has white space between values alone: its strings hold none.
        if character < ' ' || !is_hidden(character) {
            written.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _written = write!(written, "\\u{unit:04x}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_hold() {
        assert_eq!(in_json("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }

    #[test]
    fn what_shows_nothing_is_escaped_and_says_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["ä\u{9b}1m\u{7f}\n", "\u{e0041}🙂"]});
        let written = ascii_json(&value.to_string());
        assert_eq!(written, r#"{"a\u202e":["ä\u009b1m\u007f\n","\udb40\udc41🙂"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), value);
    }
}
