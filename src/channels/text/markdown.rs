//! Escaping of Markdown.

/// Escapes the punctuation of Markdown (`CommonMark` 0.31 §2.4), on one line: links, images, emphasis, fences, HTML
/// and `<at>` mentions are then plain text.
pub fn plain_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            // A new line could start a list, a heading or a fence.
            '\n' => escaped.push_str(" ⏎ "),
            mark if mark.is_ascii_punctuation()
                && !matches!(mark, ',' | '/' | ':' | ';' | '?' | '@' | '\'' | '"' | '%' | '=') =>
            {
                escaped.push('\\');
                escaped.push(mark);
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// Separates adjacent backticks, so that a text cannot end a fenced code block.
pub fn split_fences(text: &str) -> String {
    // The second pass separates the pairs that remain after the first.
    let split = text.replace("``", "`\u{2060}`").replace("``", "`\u{2060}`");
    // No backtick may touch the fence.
    let (before, after) = (split.starts_with('`'), split.ends_with('`'));
    format!("{}{split}{}", if before { "\u{2060}" } else { "" }, if after { "\u{2060}" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_backticks_are_separated() {
        for count in 2..9 {
            let split = split_fences(&"`".repeat(count));
            assert!(!split.contains("``"), "{count}");
            assert_eq!(split.matches('`').count(), count);
        }
    }

    #[test]
    fn markdown_is_escaped() {
        assert_eq!(plain_markdown("[x](http://y) **b** <at>z</at>"), r"\[x\]\(http://y\) \*\*b\*\* \<at\>z\</at\>");
        assert_eq!(plain_markdown("a\n```\n# b"), r"a ⏎ \`\`\` ⏎ \# b");
    }
}
