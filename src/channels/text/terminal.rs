//! Text on terminals and in log lines. [`visible`](super::visible()) writes out control characters.

/// Puts text on one line, so that no part of it looks like a line of the hub's own.
pub fn one_line(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], " ⏎ ")
}

/// Indents each line of a text.
pub fn indented(text: &str) -> String {
    text.trim_end_matches('\n').lines().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_on_one_line_or_is_indented() {
        assert_eq!(one_line("a\r\nb\nc\rd\u{2028}e"), "a ⏎ b ⏎ c ⏎ d ⏎ e");
        assert_eq!(indented("a\nb\n"), "\n    a\n    b");
    }
}
