//! How characters are displayed, by Unicode's own tables.

use icu_properties::props::{BidiClass, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Whether a character is invisible or ambiguous in a text: control and format characters (among them those that change
/// the direction of text), default-ignorable, private and unassigned ones, spaces and separators other than the plain
/// space, and blanks that count as letters or symbols.
pub(crate) fn is_hidden(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate, Unassigned,
    };
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    match CodePointMapData::<GeneralCategory>::new().get(character) {
        Control | Format | Surrogate | PrivateUse | Unassigned | LineSeparator | ParagraphSeparator
        | SpaceSeparator => true,
        _ => is_blank(character) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character),
    }
}

/// Trims invisible characters that come with a text that is copied from a file, a page or a deployment's settings:
/// blanks, line breaks, a byte order mark, a zero-width space, a word joiner. For texts that never begin or end with
/// one: URLs, addresses, secrets, numbers. Characters that change the direction of text stay, so that the text is
/// refused: they may be there on purpose.
pub(crate) fn unwrapped(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}' | '\u{2060}')
    })
}

/// Blanks without a Unicode property that marks them: the object replacement character, the blank Braille pattern,
/// fillers and blanks of Khitan and Egyptian script, the null note head.
const fn is_blank(character: char) -> bool {
    matches!(character, '\u{fffc}' | '\u{2800}' | '\u{16fe4}' | '\u{13441}' | '\u{13442}' | '\u{1d159}')
}

/// Whether a character is drawn onto the one before it, without width of its own.
pub(crate) fn is_stacked(character: char) -> bool {
    let category = || CodePointMapData::<GeneralCategory>::new().get(character);
    !character.is_ascii() && matches!(category(), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

/// Whether a character is written from right to left, and so reorders its neighbours.
pub(crate) fn is_right_to_left(character: char) -> bool {
    if character.is_ascii() {
        return false;
    }
    let class = CodePointMapData::<BidiClass>::new().get(character);
    class == BidiClass::RightToLeft || class == BidiClass::ArabicLetter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_around_a_text_are_trimmed() {
        for wrapped in
            ["\u{feff}a b", " a b\r\n", "\u{200b}a b\u{200b}", "\u{a0}a b\u{3000}\u{feff}", "\u{2060}\ta b\u{b}"]
        {
            assert_eq!(unwrapped(wrapped), "a b", "{wrapped:?}");
        }
        for kept in ["a\u{200b}b", "a\u{202e}", "\0a"] {
            assert_eq!(unwrapped(kept), kept, "{kept:?}");
        }
        assert_eq!(unwrapped("\u{feff}\n"), "");
    }

    #[test]
    fn invisible_characters_are_hidden_and_visible_ones_are_not() {
        // A sample of each kind, chosen by hand, to check the tables.
        let hidden = [
            "\0\t\n\r\u{1b}\u{7f}\u{85}\u{9b}", // controls, and CSI in one character
            "\u{a0}\u{1680}\u{2000}\u{2003}\u{200a}\u{202f}\u{205f}\u{3000}", // spaces
            "\u{2028}\u{2029}",                 // separators
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}", // directions
            "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{2064}\u{206f}\u{feff}\u{180e}", // joiners and the like
            "\u{34f}\u{17b4}\u{17b5}\u{fe00}\u{fe0f}\u{180b}\u{e0100}\u{e01ef}", // ignorable marks, variation selectors
            "\u{e0001}\u{e0020}\u{e0041}\u{e007f}\u{e0080}\u{e0fff}", // tags, and the reserved code points after them
            "\u{115f}\u{1160}\u{3164}\u{ffa0}", // Hangul fillers
            "\u{fff0}\u{fff9}\u{fffa}\u{fffb}\u{fffc}", // interlinear annotation
            "\u{1bca0}\u{1d159}\u{1d173}\u{1d17a}\u{13430}\u{13441}\u{16fe4}\u{2800}", // of particular scripts
            "\u{600}\u{6dd}\u{70f}\u{8e2}\u{110bd}", // marks before numbers
            "\u{e000}\u{f8ff}\u{f0000}\u{10fffd}\u{fdd0}\u{ffff}\u{10ffff}\u{378}", // private use, and not characters
        ];
        for character in hidden.concat().chars() {
            assert!(is_hidden(character), "U+{:04X}", u32::from(character));
        }
        for character in "azAZ09 !~éßçñ中文日本語한국어עבריתالعربيةไทยहिन्दी🙂👍🏽€…–“”✂⏎⟨⟩\u{301}\u{fffd}".chars()
        {
            assert!(!is_hidden(character), "U+{:04X}", u32::from(character));
        }
    }

    #[test]
    fn marks_without_width() {
        assert!("\u{301}\u{20dd}\u{489}\u{e31}\u{5b0}".chars().all(is_stacked));
        assert!(!"aé\u{903} 中🏽".chars().any(is_stacked));
    }
}
