//! Invisible and misleading characters, written out.

use std::fmt::Write as _;

use crate::unicode::{is_hidden, is_stacked};

/// Most combining marks drawn on one character; further ones are written out. Languages need no more in ordinary use,
/// and a tower of marks would cover the lines above and below.
const STACKED: u32 = 4;

/// Writes out every invisible or misleading character, as in `⟨U+202E⟩`. Also writes out a combining mark without a
/// base character, which would change the text before, and each mark beyond the fourth on one character. Line feeds
/// stay; a tab becomes an arrow.
pub fn visible(text: &str) -> String {
    if text.bytes().all(|byte| byte == b'\n' || byte == b' ' || byte.is_ascii_graphic()) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + text.len() / 4);
    let mut stacked = STACKED;
    for character in text.chars() {
        let is_mark = is_stacked(character);
        match character {
            '\n' => shown.push('\n'),
            '\t' => shown.push_str("⇥ "),
            // The bracket itself, so that no text can imitate an escape.
            '⟨' => write_out(&mut shown, character),
            _ if is_hidden(character) || (is_mark && stacked == STACKED) => write_out(&mut shown, character),
            plain => {
                shown.push(plain);
                stacked = if is_mark { stacked + 1 } else { 0 };
                continue;
            }
        }
        stacked = STACKED;
    }
    shown
}

fn write_out(shown: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _written = write!(shown, "⟨U+{:04X}⟩", u32::from(character));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_written_out() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\u{a0}d\te\nf"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+00A0⟩d⇥ e\nf");
        assert_eq!(visible("\u{0}\u{1b}[2J\r"), "⟨U+0000⟩⟨U+001B⟩[2J⟨U+000D⟩");
        assert_eq!(visible("⟨U+0041⟩"), "⟨U+27E8⟩U+0041⟩");
        assert_eq!(visible("größe 中文 🙂"), "größe 中文 🙂");
        assert_eq!(visible("\u{e0041}\u{fe0f}\u{3164}"), "⟨U+E0041⟩⟨U+FE0F⟩⟨U+3164⟩");
    }

    #[test]
    fn combining_marks_are_limited_and_need_a_base() {
        let mark = '\u{301}';
        assert_eq!(visible("e\u{301}\u{323}x"), "e\u{301}\u{323}x");
        let tower = format!("e{}", mark.to_string().repeat(6));
        assert_eq!(visible(&tower), format!("e{}⟨U+0301⟩⟨U+0301⟩", mark.to_string().repeat(4)));
        assert_eq!(visible("\u{338}x"), "⟨U+0338⟩x");
        assert_eq!(visible("x\n\u{338}"), "x\n⟨U+0338⟩");
        assert_eq!(visible("\u{200b}\u{338}"), "⟨U+200B⟩⟨U+0338⟩");
    }
}
