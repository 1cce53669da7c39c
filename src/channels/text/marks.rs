//! Classes on the pieces of a listing: colours of a language, and words that changed.

use super::highlight::{Language, Mark, marks};
use super::listing::{LineChange, Listing, ListingLine, Part, TAB};
use super::visible;
use super::words::changed_words;

impl Listing {
    /// The same listing of a text with the colours of its language.
    #[must_use]
    pub fn coloured(mut self, language: Option<Language>, text: &str) -> Self {
        let Some(language) = language else { return self };
        let marks = marks(language, &visible(text));
        let (mut start, mut next) = (0, marks.as_slice());
        for line in &mut self.lines {
            let length: usize = line.parts.iter().map(Part::width).sum();
            let end = start + length;
            let within = next.iter().take_while(|(range, _)| range.start < end).count();
            let (now, later) = next.split_at(within);
            let local = |(range, class): &Mark| {
                (range.start.saturating_sub(start)..range.end.saturating_sub(start).min(length), *class)
            };
            line.mark(&now.iter().map(local).collect::<Vec<_>>());
            // A string may go on in the next line.
            let goes_on = now.last().is_some_and(|(range, _)| range.end > end);
            next = if goes_on { next.split_at(within - 1).1 } else { later };
            start = end + 1 + (line.times - 1) * (length + 1);
        }
        self
    }

    /// The same listing of a diff with the words marked that differ between a removed line and the added one.
    #[must_use]
    pub fn with_words(mut self) -> Self {
        let mut at = 0;
        while let Some(rest) = self.lines.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let run = |rest: &[ListingLine], change| rest.iter().take_while(|line| line.change == change).count();
            let removed = run(rest, LineChange::Removed);
            let added = run(rest.get(removed..).unwrap_or_default(), LineChange::Added);
            let (before, after) = rest.split_at_mut(removed);
            for (before, after) in before.iter_mut().zip(after.iter_mut().take(added)) {
                let (old, new) = changed_words(&before.plain(), &after.plain());
                before.mark(&old);
                after.mark(&new);
            }
            at += (removed + added).max(1);
        }
        self
    }
}

impl ListingLine {
    /// The line as [`visible()`] writes it.
    fn plain(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(shown) | Part::Marked(_, shown) | Part::RightToLeft(shown) => text.push_str(shown),
                Part::Hidden(code, count) => text.push_str(&format!("⟨{code}⟩").repeat(*count)),
                Part::Spaces(count) => text.push_str(&" ".repeat(*count)),
                Part::Tabs(count) => text.push_str(&TAB.repeat(*count)),
            }
        }
        text
    }

    /// Gives pieces of the visible text a class; `marks` are in order and count from the start of the line.
    fn mark(&mut self, marks: &[Mark]) {
        if marks.is_empty() {
            return;
        }
        let mut parts = Vec::new();
        let mut start = 0;
        for part in std::mem::take(&mut self.parts) {
            let width = part.width();
            match part {
                Part::Text(text) => split(&text, start, marks, &mut parts),
                other => parts.push(other),
            }
            start += width;
        }
        self.parts = parts;
    }
}

/// Splits a text that begins at `start` where its classes change.
fn split(text: &str, start: usize, marks: &[Mark], parts: &mut Vec<Part>) {
    let mut done = 0;
    for (range, class) in marks {
        let (from, to) = (range.start.saturating_sub(start).max(done), range.end.saturating_sub(start).min(text.len()));
        let (Some(before), Some(piece)) = (text.get(done..from), text.get(from..to)) else { continue };
        if piece.is_empty() {
            continue;
        }
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Marked(*class, piece.to_owned()));
        done = to;
    }
    if let Some(rest) = text.get(done..).filter(|rest| !rest.is_empty()) {
        parts.push(Part::Text(rest.to_owned()));
    }
}

impl Part {
    /// Its length in bytes in what [`visible()`] writes.
    fn width(&self) -> usize {
        match self {
            Self::Text(text) | Self::Marked(_, text) | Self::RightToLeft(text) => text.len(),
            Self::Hidden(code, count) => ("⟨⟩".len() + code.len()) * count,
            Self::Spaces(count) => *count,
            Self::Tabs(count) => count * TAB.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channels::text::Class;

    fn marked(listing: &Listing, class: Class) -> Vec<String> {
        let parts = listing.lines.iter().flat_map(|line| &line.parts);
        parts
            .filter_map(
                |part| if let Part::Marked(one, text) = part { (*one == class).then(|| text.clone()) } else { None },
            )
            .collect()
    }

    #[test]
    fn colours_reach_the_lines_that_they_are_for() {
        let text = format!("-- about the old carts\n{}UPDATE a\nSET b = 'c\n  d', e = 7\n", "\n".repeat(50));
        let listing = Listing::of(&text).coloured(Some(Language::Sql), &text);
        assert_eq!(marked(&listing, Class::Comment), ["-- about the old carts"]);
        assert_eq!(marked(&listing, Class::Keyword), ["UPDATE", "SET"]);
        assert_eq!(marked(&listing, Class::String), ["'c", "  d'"]);
        assert_eq!(marked(&listing, Class::Number), ["7"]);
    }

    #[test]
    fn a_diff_marks_what_differs_in_a_line() {
        let listing =
            Listing::of_diff("@@ -1,2 +1,2 @@\n x\n-delete from a\n-drop\n+delete from a where b").with_words();
        assert_eq!(marked(&listing, Class::Changed), [" where b"]);
        let listing = Listing::of_diff("-say \u{202e}a b c\n+say \u{202e}a b d").with_words();
        assert_eq!(marked(&listing, Class::Changed), ["c", "d"]);
    }

    proptest! {
        #[test]
        fn classes_change_no_text(text in "(select|-- c d e|'|\"|[0-9]{1,3}|⟨|⇥|\t{1,20}|\u{200b}{1,3}|\u{5d0}|[\n]{1,5}| {1,40}|\\PC){0,40}", diff in any::<bool>()) {
            let plain = if diff { Listing::of_diff(&text) } else { Listing::of(&text) };
            let marked = if diff { plain.clone().with_words() } else { plain.clone().coloured(Some(Language::Sql), &text) };
            let lines = |listing: &Listing| listing.lines.iter().map(|line| (line.plain(), line.times)).collect::<Vec<_>>();
            prop_assert_eq!(lines(&plain), lines(&marked));
        }
    }
}
