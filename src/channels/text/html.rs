//! Text on pages.

use std::fmt;

use askama::filters::{Escaper, Html as Entities};

use super::{JOINERS, visible};
use crate::unicode::is_hidden;

/// The escape of every page (`askama.toml`): what shows nothing is written out, and what HTML would read as markup is an entity. So no
/// page can forget either.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, string: &str) -> fmt::Result {
        Entities.write_escaped_str(dest, &visible(string))
    }
}

/// The escape of pages that show messages as they were sent: templates have already written out what shows nothing, and have put in
/// [`JOINERS`] of their own, which do here what they do in a chat. Anything else that shows nothing is written out here too.
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
    fn nothing_hides_and_nothing_is_markup() {
        let mut shown = String::new();
        Html.write_escaped_str(&mut shown, "<b>\u{202e}'\"&\n").expect("a string takes all");
        assert_eq!(shown, "&#60;b&#62;⟨U+202E⟩&#39;&#34;&#38;\n");
    }

    #[test]
    fn what_templates_have_written_is_drawn_and_nothing_else_hides() {
        let mut shown = String::new();
        let sent = "dba:\u{a0}0 {\u{2060}{ ⟨U+202E⟩ <b>\u{202e}x\u{200b}y\n\u{feff}";
        Drawn.write_escaped_str(&mut shown, sent).expect("a string takes all");
        assert_eq!(shown, "dba:\u{a0}0 {\u{2060}{ ⟨U+202E⟩ &#60;b&#62;⟨U+202E⟩x\u{200b}y\n⟨U+FEFF⟩");
    }
}
