//! A text with numbered lines, of which one may be at fault. The numbers lie behind the text, so no script is needed.

use crate::channels::text::Listing;

/// Lines around the one at fault that are shown below the text.
const AROUND: usize = 1;

/// A text that is edited.
pub(super) struct Editor {
    pub(super) text: String,
    /// For each line, whether it is at fault.
    pub(super) lines: Vec<bool>,
    pub(super) fault: Option<Fault>,
}

/// Why the text was refused.
pub(super) struct Fault {
    /// From 1.
    pub(super) line: Option<usize>,
    pub(super) detail: String,
    /// The lines around it, each with its number and whether it is the one.
    pub(super) excerpt: Vec<(usize, Listing, bool)>,
}

impl Editor {
    pub(super) fn of(text: &str) -> Self {
        let count = text.split('\n').count();
        Self { text: text.to_owned(), lines: vec![false; count], fault: None }
    }

    /// A text that was refused, perhaps for that line.
    pub(super) fn refused(text: &str, line: Option<usize>, detail: &str) -> Self {
        let editor = Self::of(text);
        let is_bad = |number: usize| line == Some(number + 1);
        let excerpt = text
            .split('\n')
            .enumerate()
            .filter(|(number, _)| line.is_some_and(|line| (number + 1).abs_diff(line) <= AROUND));
        let excerpt = excerpt.map(|(number, text)| (number + 1, Listing::of(text), is_bad(number))).collect();
        Self {
            lines: editor.lines.iter().enumerate().map(|(number, _)| is_bad(number)).collect(),
            fault: Some(Fault { line, detail: detail.to_owned(), excerpt }),
            ..editor
        }
    }

    /// How many lines the field shows: all.
    pub(super) fn rows(&self) -> usize {
        self.lines.len()
    }
}
