//! Markdown, made plain text.

/// Text with the punctuation of Markdown (`CommonMark` 0.31 §2.4) escaped, on one line: links, images, emphasis, fences, HTML and
/// `<at>` mentions are then nothing but what they look like.
pub fn plain_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            // A line of its own could begin a list, a heading or a fence.
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

/// Text in which no two backticks stand side by side, so that nothing ends a fenced code block.
pub fn split_fences(text: &str) -> String {
    // The second pass finds those that the first, which takes them two by two, has left together.
    let split = text.replace("``", "`\u{2060}`").replace("``", "`\u{2060}`");
    // Nor may one touch the fence.
    let (before, after) = (split.starts_with('`'), split.ends_with('`'));
    format!("{}{split}{}", if before { "\u{2060}" } else { "" }, if after { "\u{2060}" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_broken() {
        for count in 2..9 {
            let split = split_fences(&"`".repeat(count));
            assert!(!split.contains("``"), "{count}");
            assert_eq!(split.matches('`').count(), count);
        }
    }

    #[test]
    fn markdown_is_dead() {
        assert_eq!(plain_markdown("[x](http://y) **b** <at>z</at>"), r"\[x\]\(http://y\) \*\*b\*\* \<at\>z\</at\>");
        assert_eq!(plain_markdown("a\n```\n# b"), r"a ⏎ \`\`\` ⏎ \# b");
    }
}
