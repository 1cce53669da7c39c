//! Text on pages.

use std::fmt;

use askama::filters::{Escaper, Html as Entities};

use super::visible;

/// The escape of every page (`askama.toml`): what shows nothing is written out, and what HTML would read as markup is an entity. So no
/// page can forget either.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: fmt::Write>(&self, dest: W, string: &str) -> fmt::Result {
        Entities.write_escaped_str(dest, &visible(string))
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
}
