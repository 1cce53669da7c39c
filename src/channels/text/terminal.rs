//! Text on terminals and in log lines. What would steer a terminal is written out by [`visible`](super::visible()).

/// On one line: what somebody wrote must not look like a line of ours.
pub fn one_line(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'], " ⏎ ")
}

/// A text of several lines, set off.
pub fn indented(text: &str) -> String {
    text.trim_end_matches('\n').lines().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_others_looks_like_one_of_ours() {
        assert_eq!(one_line("a\r\nb\nc\rd\u{2028}e"), "a ⏎ b ⏎ c ⏎ d ⏎ e");
        assert_eq!(indented("a\nb\n"), "\n    a\n    b");
    }
}
