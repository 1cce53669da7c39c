//! Texts before they are tokens, or when they cannot be.

use super::super::request::shows_nothing;

/// A text with white space that every database knows, and whether it was so. Databases disagree on what other white space,
/// control characters and invisible characters are.
pub(super) fn plain(text: &str) -> (String, bool) {
    let mut clean = true;
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => plain.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            _ if c.is_whitespace() || c.is_control() || shows_nothing(c) => {
                clean = false;
                plain.push(if c == '\r' { '\n' } else { ' ' });
            }
            _ => plain.push(c),
        }
    }
    // MariaDB's own executable comments are read as MySQL's, and comments kept apart from operators that the tokenizer would
    // join them to.
    if ["/*M!", "#--", "|/*"].iter().any(|odd| plain.contains(odd)) {
        plain = plain.replace("/*M!", "/*!").replace("#--", "# --").replace("|/*", "| /*");
    }
    (plain, clean)
}

/// The words of a text that cannot be read: all of them, and those outside of what looks like a comment.
pub(super) fn rough_words(text: &str) -> [Vec<String>; 2] {
    let words = |text: &str| {
        let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')));
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    [words(text), words(&without_comments(text))]
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '-', '#']) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let (skipped, end) = if from.starts_with("/*") {
            (2, "*/")
        } else if from.starts_with("--") || from.starts_with('#') {
            (1, "\n")
        } else {
            kept.push(' ');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        kept.push(' ');
        let inside = from.get(skipped..).unwrap_or_default();
        rest = inside.split_once(end).map_or("", |(_, rest)| rest);
    }
    kept.push_str(rest);
    kept
}
