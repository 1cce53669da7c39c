//! Multi-line text on pages: complete and line by line. Long runs of blanks are counted, so that they cannot push
//! text out of view.

use super::highlight::Class;
use super::{ascii_json, visible};
use crate::unicode::{is_right_to_left, is_stacked};

/// Longest run of spaces that is shown; longer runs are counted.
const SPACES: usize = 16;
/// Longest run of tabs that is shown as arrows; longer runs are counted.
const TABS: usize = 8;
/// Longest run of blank lines that is shown; longer runs are counted.
const BLANK_LINES: usize = 2;
/// How [`visible()`] writes a tab.
pub(super) const TAB: &str = "⇥ ";

/// All lines of a text. They determine the text exactly, except for a line end at its very end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub lines: Vec<ListingLine>,
    /// Number of lines of the text.
    pub count: usize,
    /// Size of the text in bytes.
    pub bytes: usize,
}

/// A line, or a run of equal blank lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingLine {
    /// The margin: the line's number, from 1, or a diff's sign.
    pub aside: String,
    pub change: LineChange,
    pub parts: Vec<Part>,
    /// Length of the run.
    pub times: usize,
}

/// The change of a line in a diff; `Same` in other texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineChange {
    Same,
    Added,
    Removed,
    /// Not a line of the text: a diff's hunk header, or the mark of a cut.
    Note,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Visible text.
    Text(String),
    /// Visible text with a class.
    Marked(Class, String),
    /// A right-to-left phrase. Pages isolate it in code, so that it does not reorder the text around it.
    RightToLeft(String),
    /// A run of an invisible character: its code point, as in `U+202E`, and the length of the run.
    Hidden(String, usize),
    /// A long run of spaces, or spaces at the end of a line.
    Spaces(usize),
    /// A long run of tabs.
    Tabs(usize),
}

impl Listing {
    /// Lists a text with numbered lines. Lines end at `\n`; a final `\n` starts no further line.
    pub fn of(text: &str) -> Self {
        let whole = text.strip_suffix('\n').filter(|whole| !whole.is_empty()).unwrap_or(text);
        let lines = whole.split('\n').map(|line| (LineChange::Same, line));
        Self::gather(lines, text.len(), |number, _| number.to_string(), visible)
    }

    /// Lists JSON for people. Invisible characters are JSON escapes ([`ascii_json`]), so that nothing is escaped twice.
    pub fn of_json(value: &serde_json::Value) -> Self {
        let text = ascii_json(&format!("{value:#}"));
        let lines = text.split('\n').map(|line| (LineChange::Same, line));
        Self::gather(lines, text.len(), |number, _| number.to_string(), str::to_owned)
    }

    /// Lists a diff in the format of [`crate::approval::unified`].
    pub fn of_diff(diff: &str) -> Self {
        let lines = diff.split('\n').map(|line| match line.split_at_checked(1) {
            Some(("+", line)) => (LineChange::Added, line),
            Some(("-", line)) => (LineChange::Removed, line),
            Some((" ", line)) => (LineChange::Same, line),
            _ => (LineChange::Note, line),
        });
        let sign = |change| match change {
            LineChange::Added => "+",
            LineChange::Removed => "−",
            LineChange::Same | LineChange::Note => "",
        };
        Self::gather(lines, diff.len(), |_, change| sign(change).to_owned(), visible)
    }

    fn gather<'t>(
        lines: impl Iterator<Item = (LineChange, &'t str)>,
        bytes: usize,
        aside: impl Fn(usize, LineChange) -> String,
        shown: impl Fn(&str) -> String,
    ) -> Self {
        let all: Vec<_> = lines.collect();
        let mut listing = Self { lines: Vec::new(), count: all.len(), bytes };
        let mut number = 1;
        for alike in all.chunk_by(|one, next| one == next) {
            let Some((change, text)) = alike.first() else { continue };
            let parts = parts(&shown(text));
            let is_blank =
                parts.iter().all(|part| !matches!(part, Part::Text(_) | Part::Marked(..) | Part::RightToLeft(_)));
            let line =
                |number| ListingLine { aside: aside(number, *change), change: *change, parts: parts.clone(), times: 1 };
            if is_blank && alike.len() > BLANK_LINES {
                listing.lines.push(ListingLine { times: alike.len(), ..line(number) });
            } else {
                listing.lines.extend((number..number + alike.len()).map(line));
            }
            number += alike.len();
        }
        listing
    }

    /// Returns the margins of lines with invisible characters (spaces and tabs aside), and the number of these
    /// characters.
    pub fn hidden(&self) -> (Vec<&str>, usize) {
        let of_line = |line: &ListingLine| -> usize {
            let counts = line.parts.iter().map(|part| if let Part::Hidden(_, count) = part { *count } else { 0 });
            counts.sum::<usize>() * line.times
        };
        let with: Vec<_> = self.lines.iter().filter(|line| of_line(line) > 0).collect();
        (with.iter().map(|line| line.aside.as_str()).collect(), with.iter().map(|line| of_line(line)).sum())
    }

    /// The size for people, for example `211 lines, 5.1 kB`.
    pub fn size(&self) -> String {
        let lines = if self.count == 1 { "1 line".to_owned() } else { format!("{} lines", self.count) };
        let bytes = match self.bytes {
            few @ ..1_000 => format!("{few} bytes"),
            many => format!("{}.{} kB", many / 1_000, many % 1_000 / 100),
        };
        format!("{lines}, {bytes}")
    }
}

impl LineChange {
    /// Whether it is new.
    pub const fn is_added(self) -> bool {
        matches!(self, Self::Added)
    }

    /// The class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "add",
            Self::Removed => "del",
            Self::Note => "rest",
        }
    }

    /// The prefix for screen readers, which do not convey the colour.
    pub const fn spoken(self) -> &'static str {
        match self {
            Self::Added => "added: ",
            Self::Removed => "removed: ",
            Self::Same | Self::Note => "",
        }
    }
}

/// Splits a line, in which [`visible()`] has written out invisible characters, into parts.
fn parts(line: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut shown = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (plain, from) = rest.split_at(rest.find(['⟨', ' ', '⇥']).unwrap_or(rest.len()));
        shown.push_str(plain);
        let Some((part, length)) = blank(from) else { break };
        let (piece, after) = from.split_at_checked(length).unwrap_or((from, ""));
        rest = after;
        if part.is_shown(rest.is_empty()) {
            shown.push_str(piece);
            continue;
        }
        parts.extend(by_direction(&std::mem::take(&mut shown)));
        parts.push(part);
    }
    parts.extend(by_direction(&shown));
    parts
}

/// Splits a text where its direction changes.
fn by_direction(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_right_to_left) {
        let (before, from) = rest.split_at(start);
        let (phrase, after) = from.split_at(phrase(from));
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::RightToLeft(phrase.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    parts
}

/// The length of the right-to-left phrase at the start of a text: letters, their marks, and spaces between.
fn phrase(text: &str) -> usize {
    let mut end = 0;
    for (place, character) in text.char_indices() {
        if is_right_to_left(character) || (is_stacked(character) && place == end) {
            end = place + character.len_utf8();
        } else if character != ' ' {
            break;
        }
    }
    end
}

/// The part at the start of a text, and its length in bytes.
fn blank(text: &str) -> Option<(Part, usize)> {
    let spaces = repeats(text, " ");
    let tabs = repeats(text, TAB);
    // Only `visible` writes this bracket: it escapes those of the text itself.
    let code = text.strip_prefix('⟨').and_then(|after| after.split_once('⟩')).map(|(code, _)| code);
    let code = code.filter(|code| code.starts_with("U+") && code.len() <= "U+10FFFF".len());
    match text.chars().next()? {
        ' ' => Some((Part::Spaces(spaces), spaces)),
        '⇥' if tabs > 0 => Some((Part::Tabs(tabs), tabs * TAB.len())),
        '⟨' if code.is_some() => {
            let code = code?;
            let unit = format!("⟨{code}⟩");
            let count = repeats(text, &unit);
            Some((Part::Hidden(code.to_owned(), count), count * unit.len()))
        }
        other => Some((Part::Text(other.to_string()), other.len_utf8())),
    }
}

/// Counts the repetitions of `unit` at the start of a text.
fn repeats(text: &str, unit: &str) -> usize {
    let mut rest = text;
    let mut count = 0;
    while let Some(after) = rest.strip_prefix(unit) {
        (rest, count) = (after, count + 1);
    }
    count
}

impl Part {
    /// Whether the part is shown as it is.
    const fn is_shown(&self, at_the_end: bool) -> bool {
        match self {
            Self::Text(_) | Self::Marked(..) | Self::RightToLeft(_) => true,
            Self::Hidden(..) => false,
            Self::Spaces(count) => !at_the_end && *count <= SPACES,
            Self::Tabs(count) => *count <= TABS,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(part: &str) -> Part {
        Part::Text(part.to_owned())
    }

    /// Restores the text from a listing, with invisible characters written out.
    fn restored(listing: &Listing) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) | Part::Marked(_, text) | Part::RightToLeft(text) => text.clone(),
            Part::Hidden(code, count) => format!("⟨{code}⟩").repeat(*count),
            Part::Spaces(count) => " ".repeat(*count),
            Part::Tabs(count) => TAB.repeat(*count),
        };
        let lines = listing
            .lines
            .iter()
            .flat_map(|line| std::iter::repeat_n(line.parts.iter().map(part).collect::<String>(), line.times));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn blank_lines_are_counted_and_numbering_continues() {
        let listing = Listing::of(&format!("line1\n{}rm -rf marker\n", "\n".repeat(200)));
        let shown: Vec<_> = listing.lines.iter().map(|line| (line.aside.as_str(), line.times)).collect();
        assert_eq!(shown, [("1", 1), ("2", 200), ("202", 1)]);
        assert_eq!(listing.size(), "202 lines, 220 bytes");
        assert_eq!(Listing::of("a\n\n\nb").lines.len(), 4, "two are shown as they are");
        let spaces = Listing::of(&format!("a\n{}b", "  \n".repeat(9)));
        assert_eq!(spaces.lines[1].parts, [Part::Spaces(2)]);
        assert_eq!(spaces.lines[1].times, 9);
    }

    #[test]
    fn long_and_trailing_blanks_are_counted() {
        let parts = |line: &str| Listing::of(line).lines.remove(0).parts;
        assert_eq!(parts(&format!("a{}b", " ".repeat(400))), [text("a"), Part::Spaces(400), text("b")]);
        assert_eq!(parts("    a  b"), [text("    a  b")]);
        assert_eq!(parts("a  "), [text("a"), Part::Spaces(2)]);
        assert_eq!(parts(&"\t".repeat(50)), [Part::Tabs(50)]);
        assert_eq!(parts("\tx"), [text("⇥ x")]);
        let hidden = |code: &str, count| Part::Hidden(code.to_owned(), count);
        assert_eq!(
            parts("a\u{202e}\u{200b}\u{200b}b"),
            [text("a"), hidden("U+202E", 1), hidden("U+200B", 2), text("b")]
        );
        assert_eq!(parts("⟨U+0041⟩"), [hidden("U+27E8", 1), text("U+0041⟩")]);
        assert_eq!(Listing::of("a\n\u{200b}\u{200b}x").hidden(), (vec!["2"], 2));
    }

    #[test]
    fn a_right_to_left_phrase_is_a_part() {
        let phrase = |text: &str| Part::RightToLeft(text.to_owned());
        let parts = Listing::of("\"مرحبا בדיקה\": \"שלוֹם\"; x").lines.remove(0).parts;
        assert_eq!(parts, [text("\""), phrase("مرحبا בדיקה"), text("\": \""), phrase("שלוֹם"), text("\"; x")]);
    }

    #[test]
    fn a_diff_has_its_signs_in_the_margin() {
        let listing = Listing::of_diff("@@ -1,2 +1,2 @@\n-a\n+b\n c\n… diff cut, 9 bytes more");
        let lines: Vec<_> = listing.lines.iter().map(|line| (line.aside.as_str(), line.change)).collect();
        let (note, same) = (("", LineChange::Note), ("", LineChange::Same));
        assert_eq!(lines, [note, ("−", LineChange::Removed), ("+", LineChange::Added), same, note]);
        assert_eq!(Listing::of_diff(&format!("+a{}", "\n+".repeat(90))).lines[1].times, 90);
    }

    #[test]
    fn json_is_shown_with_its_own_escapes() {
        let listing = Listing::of_json(&serde_json::json!({"a": "⟨\u{a0}⟨U+202E⟩⟨ \u{202e}"}));
        let hidden = Part::Hidden("U+202E".to_owned(), 1);
        assert_eq!(listing.lines[1].parts, [text("  \"a\": \"⟨\\u00a0"), hidden, text("⟨ \\u202e\"")]);
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(Listing::of("").size(), "1 line, 0 bytes");
        assert_eq!(Listing::of(&"x".repeat(5_129)).size(), "1 line, 5.1 kB");
    }

    proptest! {
        #[test]
        fn the_text_can_be_restored_from_the_listing(text in "([ab⟨⇥] ?|[\n]{1,5}| {1,40}|\t{1,20}|\u{200b}{1,9}|\u{301}{1,9}|\\PC){0,40}") {
            let listing = Listing::of(&text);
            let whole = text.strip_suffix('\n').filter(|whole| !whole.is_empty()).unwrap_or(&text);
            prop_assert_eq!(restored(&listing), visible(whole));
            prop_assert_eq!(listing.count, whole.split('\n').count());
            let in_parts = listing.lines.iter().flat_map(|line| &line.parts);
            for part in in_parts {
                if let Part::Text(text) = part {
                    prop_assert!(!text.contains('⟨'), "{:?}", text);
                }
            }
        }
    }
}
