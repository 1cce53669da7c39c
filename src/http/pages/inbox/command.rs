//! A command in a list: its first lines, and the others folded below them.

use crate::channels::text::{Language, Listing, ListingLine};

/// Most lines that are shown.
const LINES: usize = 5;
/// Most characters of the lines that are shown.
const CHARACTERS: usize = 1_000;
/// Most bytes of a command that is in the page as a whole.
const WHOLE: usize = 4_000;

/// A command in a list.
pub(super) struct CommandShown {
    /// The first lines.
    pub(super) head: Listing,
    /// The lines that are folded; none if all of them are shown.
    pub(super) rest: Option<Rest>,
    /// Whether it contains invisible characters.
    pub(super) hides: bool,
}

/// The lines of a command that are not shown at once.
pub(super) enum Rest {
    /// They are in the page.
    Folded(Listing),
    /// They are too many: the request's own page has them.
    Elsewhere,
}

impl CommandShown {
    /// None if there is no command.
    pub(super) fn new(command: &str, language: Option<&str>) -> Option<Self> {
        let listing = Some(Listing::of(command)).filter(|_| !command.is_empty())?;
        let Listing { lines, count, bytes } = listing.coloured(language.and_then(Language::named), command);
        let hides = Listing { lines: lines.clone(), count, bytes }.hidden().1 > 0;
        let mut left = CHARACTERS;
        let shown = lines.iter().take(LINES).take_while(|line| {
            let length = line.length();
            let fits = length <= left;
            left = left.saturating_sub(length);
            fits
        });
        let shown = shown.count();
        let mut head = lines;
        let rest = head.split_off(shown);
        let rest = match rest.is_empty() {
            true => None,
            false if bytes <= WHOLE => Some(Rest::Folded(Listing { lines: rest, count, bytes })),
            false => Some(Rest::Elsewhere),
        };
        Some(Self { head: Listing { lines: head, count, bytes }, rest, hides })
    }

    /// Whether all of it is shown at once.
    pub(super) const fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// How much is not shown at once.
    pub(super) fn more(&self) -> String {
        let shown: usize = self.head.lines.iter().map(|line| line.times).sum();
        match self.head.count.saturating_sub(shown) {
            1 if shown == 0 => format!("The whole command: {}", self.head.size()),
            1 => "1 more line of this command".to_owned(),
            more if shown == 0 => format!("The whole command: {more} lines, {} bytes", self.head.bytes),
            more => format!("{more} more lines of this command"),
        }
    }
}

/// How long a line is on the page.
trait Length {
    /// In characters.
    fn length(&self) -> usize;
}

impl Length for ListingLine {
    fn length(&self) -> usize {
        use crate::channels::text::Part;
        let of_part = |part: &Part| match part {
            Part::Text(text) | Part::Marked(_, text) | Part::RightToLeft(text) => text.chars().count(),
            Part::Hidden(..) | Part::Spaces(_) | Part::Tabs(_) => 8,
        };
        self.parts.iter().map(of_part).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(command: &str) -> (usize, Option<&'static str>, String) {
        let shown = CommandShown::new(command, None).unwrap();
        let rest = shown.rest.as_ref().map(|rest| match rest {
            Rest::Folded(_) => "folded",
            Rest::Elsewhere => "elsewhere",
        });
        (shown.head.lines.len(), rest, shown.more())
    }

    #[test]
    fn five_lines_are_shown_and_the_others_are_counted() {
        assert!(CommandShown::new("", None).is_none());
        assert_eq!(shown("a\nb\nc\nd\ne\n").1, None);
        assert_eq!(shown("a\nb\nc\nd\ne\nf"), (5, Some("folded"), "1 more line of this command".to_owned()));
        let gaps = format!("a\n{}DROP marker", "\n".repeat(90));
        assert_eq!(shown(&gaps).1, None, "blank lines are counted, and what follows is shown");
        let many = format!("a{}", "\nline".repeat(2_000));
        assert_eq!(shown(&many), (5, Some("elsewhere"), "1996 more lines of this command".to_owned()));
    }

    #[test]
    fn a_long_line_is_not_shown_in_part() {
        let long = "x".repeat(1_001);
        assert_eq!(shown(&long), (0, Some("folded"), "The whole command: 1 line, 1.0 kB".to_owned()));
        assert_eq!(shown(&format!("a\n{long}")).0, 1);
        assert_eq!(shown(&"x".repeat(9_000)).1, Some("elsewhere"));
        assert!(CommandShown::new("a\u{202e}b", Some("sql")).unwrap().hides);
    }
}
