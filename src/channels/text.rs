//! Text that others wrote, made safe to look at.
//!
//! What an approver sees must be what would run: characters that show nothing, change the direction of text or look like a plain
//! space are written out as `⟨U+202E⟩`.

use crate::time::Timestamp;

/// Shows nothing and allows no break. Put in after [`visible`] has written out every one that was there before.
pub const WORD_JOINER: char = '\u{2060}';

/// Text with every invisible or misleading character written out. Line feeds stay.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            '\t' => shown.push_str("⇥ "),
            // The bracket itself, so that nobody can write what looks like such a mark.
            '⟨' => shown.push_str("⟨U+27E8⟩"),
            hidden if is_hidden(hidden) => shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(hidden))),
            plain => shown.push(plain),
        }
    }
    shown
}

/// Control, format, private-use and default-ignorable characters, unusual spaces and separators (Unicode 16: general categories
/// Cc, Cf, Co, Zl, Zp, Zs but U+0020, and property `Default_Ignorable_Code_Point`).
fn is_hidden(character: char) -> bool {
    matches!(u32::from(character),
        0x00..=0x1F | 0x7F..=0xA0 | 0xAD | 0x034F | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x0890..=0x0891
        | 0x08E2 | 0x115F..=0x1160 | 0x1680 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x2000..=0x200F | 0x2028..=0x202F
        | 0x205F..=0x206F | 0x2800 | 0x3000 | 0x3164 | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFFC | 0x110BD | 0x110CD | 0x13430..=0x1345F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF | 0xF0000..=0x10FFFF)
}

/// The longest beginning of `text` of at most `budget` bytes, and how many bytes are left out.
pub fn cut(text: &str, budget: usize) -> (&str, usize) {
    let end = text.floor_char_boundary(budget);
    let (kept, rest) = text.split_at(end);
    (kept, rest.len())
}

/// Text with the punctuation of Markdown (`CommonMark` 0.31 §2.4) escaped, on one line.
pub fn plain_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => escaped.push(' '),
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

/// Text whose `@here`, `@channel` and `@everyone` call nobody: a character that shows nothing stands behind the `@`.
pub fn dead_mentions(text: &str) -> String {
    const TO_ALL: [&str; 3] = ["here", "channel", "everyone"];
    let mut dead = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        dead.push(character);
        let rest = text.get(place + character.len_utf8()..).unwrap_or_default();
        let begins = |word: &&str| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if character == '@' && TO_ALL.iter().any(begins) {
            dead.push(WORD_JOINER);
        }
    }
    dead
}

/// Text in which no two backticks stand side by side, so that nothing ends a fenced code block.
pub fn split_fences(text: &str) -> String {
    text.replace("``", "`\u{2060}`").replace("``", "`\u{2060}`")
}

/// Text as the inside of a JSON string (RFC 8259 §7).
pub fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// A moment for people, to the minute: `2026-11-21 13:00 UTC`.
pub fn utc(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(date), Some(time)) => format!("{date} {time} UTC"),
        _ => text,
    }
}

/// A length of time in its largest two units.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\u{a0}d\te\nf"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+00A0⟩d⇥ e\nf");
        assert_eq!(visible("\u{0}\u{1b}[2J\r"), "⟨U+0000⟩⟨U+001B⟩[2J⟨U+000D⟩");
        assert_eq!(visible("⟨U+0041⟩"), "⟨U+27E8⟩U+0041⟩");
        assert_eq!(visible("größe 中文 🙂"), "größe 中文 🙂");
    }

    #[test]
    fn cuts_between_characters_and_counts_bytes() {
        assert_eq!(cut("abcé", 4), ("abc", 2));
        assert_eq!(cut("abc", 9), ("abc", 0));
    }

    #[test]
    fn markdown_is_dead() {
        assert_eq!(plain_markdown("[x](http://y) **b** <at>z</at>"), r"\[x\]\(http://y\) \*\*b\*\* \<at\>z\</at\>");
    }

    #[test]
    fn mentions_and_fences_are_broken() {
        assert_eq!(
            dead_mentions("@here x@EVERYONE @channels a@b.c"),
            "@\u{2060}here x@\u{2060}EVERYONE @\u{2060}channels a@b.c"
        );
        for count in 2..9 {
            let split = split_fences(&"`".repeat(count));
            assert!(!split.contains("``"), "{count}");
            assert_eq!(split.matches('`').count(), count);
        }
    }

    #[test]
    fn moments_are_shown_to_the_minute() {
        assert_eq!(utc("2026-11-21T13:05:59.25Z".parse().expect("a time")), "2026-11-21 13:05 UTC");
    }

    #[test]
    fn json_strings_hold() {
        assert_eq!(in_json("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
