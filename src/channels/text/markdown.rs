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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_dead() {
        assert_eq!(plain_markdown("[x](http://y) **b** <at>z</at>"), r"\[x\]\(http://y\) \*\*b\*\* \<at\>z\</at\>");
        assert_eq!(plain_markdown("a\n```\n# b"), r"a ⏎ \`\`\` ⏎ \# b");
    }
}
