//! Escaping of text on pages.

use std::fmt;

use askama::filters::{Escaper, Html as Entities, Safe};

use super::{JOINERS, visible};
use crate::unicode::is_hidden;

/// The escaper of every page (`askama.toml`): writes out invisible characters, and markup as entities. No page can
/// forget it.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, string: &str) -> fmt::Result {
        Entities.write_escaped_str(dest, &visible(string))
    }
}

/// A text for a field of a form, from where it is sent again: invisible characters stay as they are, markup is escaped.
pub fn exact(text: &str) -> Safe<String> {
    let mut escaped = String::with_capacity(text.len());
    match Entities.write_escaped_str(&mut escaped, text) {
        Ok(()) => Safe(escaped),
        // Writing to a string cannot fail.
        Err(_) => Safe(String::new()),
    }
}

/// The escaper of pages that draw messages as they were sent. Channels have already written out invisible characters
/// and inserted [`JOINERS`], which work here as in a chat. Other invisible characters are written out here.
#[derive(Debug, Clone, Copy)]
pub struct Drawn;

impl Escaper for Drawn {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let hides = |c: char| is_hidden(c) && c != '\n' && !JOINERS.contains(&c);
        let mut rest = string;
        while let Some((place, hidden)) = rest.char_indices().find(|(_, c)| hides(*c)) {
            let (before, after) = rest.split_at(place);
            Entities.write_escaped_str(&mut dest, before)?;
            dest.write_str(&visible(hidden.encode_utf8(&mut [0; 4])))?;
            rest = after.get(hidden.len_utf8()..).unwrap_or_default();
        }
        Entities.write_escaped_str(dest, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_and_markup_are_escaped() {
        let mut shown = String::new();
        Html.write_escaped_str(&mut shown, "<b>\u{202e}'\"&\n").expect("a string takes all");
        assert_eq!(shown, "&#60;b&#62;⟨U+202E⟩&#39;&#34;&#38;\n");
    }

    #[test]
    fn a_field_keeps_every_character_and_ends_nowhere() {
        let text = "a\tb\u{200b}⟨</textarea><script>\"'&\n";
        assert_eq!(exact(text).0, "a\tb\u{200b}⟨&#60;/textarea&#62;&#60;script&#62;&#34;&#39;&#38;\n");
    }

    #[test]
    fn joiners_are_drawn_and_other_invisible_characters_are_escaped() {
        let mut shown = String::new();
        let sent = "dba:\u{a0}0 {\u{2060}{ ⟨U+202E⟩ <b>\u{202e}x\u{200b}y\n\u{feff}";
        Drawn.write_escaped_str(&mut shown, sent).expect("a string takes all");
        assert_eq!(shown, "dba:\u{a0}0 {\u{2060}{ ⟨U+202E⟩ &#60;b&#62;⟨U+202E⟩x\u{200b}y\n⟨U+FEFF⟩");
    }
}
