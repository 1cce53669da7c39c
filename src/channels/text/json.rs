//! Escaping of text in JSON.

use std::fmt::Write as _;

use crate::unicode::is_hidden;

/// Escapes text for the inside of a JSON string (RFC 8259 §7).
pub fn in_json(text: &str) -> String {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// Writes invisible characters in JSON as escapes: the same value for a program, and harmless on a terminal.
pub fn ascii_json(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for character in json.chars() {
        // JSON strings contain no raw characters below U+0020; between values they are white space.
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
    fn json_strings_are_escaped() {
        assert_eq!(in_json("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }

    #[test]
    fn invisible_characters_are_escaped_and_the_value_is_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["ä\u{9b}1m\u{7f}\n", "\u{e0041}🙂"]});
        let written = ascii_json(&value.to_string());
        assert_eq!(written, r#"{"a\u202e":["ä\u009b1m\u007f\n","\udb40\udc41🙂"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), value);
    }
}
