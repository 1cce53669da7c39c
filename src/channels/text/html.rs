//! Escaping of text on pages.

use std::fmt;

use askama::filters::{Escaper, Html as Entities};

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
    fn joiners_are_drawn_and_other_invisible_characters_are_escaped() {
        let mut shown = String::new();
        let sent = "dba:\u{a0}0 {\u{2060}{ ⟨U+202E⟩ <b>\u{202e}x\u{200b}y\n\u{feff}";
        Drawn.write_escaped_str(&mut shown, sent).expect("a string takes all");
        assert_eq!(shown, "dba:\u{a0}0 {\u{2060}{ ⟨U+202E⟩ &#60;b&#62;⟨U+202E⟩x\u{200b}y\n⟨U+FEFF⟩");
    }
}
