//! One statement while its tokens come in, and what is quoted in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::functions::{self, Call};
use super::parts;
use super::scan::Piece;
use super::statement::{Statement, begins_sql};

/// A statement while its tokens come in.
#[derive(Debug, Default)]
pub(super) struct Draft {
    text: String,
    words: Vec<String>,
    offsets: Vec<usize>,
    /// What is quoted, by the number of the word.
    pub strings: Vec<(usize, String)>,
    /// What of it is in dollar quotes, or data.
    pub bodies: Vec<String>,
    /// It ends in a quote or comment without an end.
    pub open: bool,
}

impl Draft {
    fn push(&mut self, shown: &str, word: String) {
        if !self.words.is_empty() {
            self.text.push(' ');
        }
        self.offsets.push(self.text.len());
        self.text.push_str(shown);
        self.words.push(word);
    }

    /// Whether it may run its strings: by its words, or since it does not begin as SQL does.
    pub(super) fn runs_text(&self) -> bool {
        parts::runs_text(&self.words) || self.is_foreign()
    }

    /// The functions that it calls and that are not known to be harmless.
    pub(super) fn calls(&self) -> Vec<Call> {
        functions::calls(&self.words, &self.strings)
    }

    pub(super) fn is_foreign(&self) -> bool {
        !begins_sql(&self.words)
    }

    /// The statement. One that is open is refused by the database that reads so.
    pub(super) fn statement(self, hidden: bool, calls: &[Call]) -> Statement {
        // A pattern sees the parentheses before the first word too.
        let place = |(part, at): (usize, usize)| Some((at, if part == 0 { 0 } else { *self.offsets.get(at)? }));
        let parts = parts::beginnings(&self.words).into_iter().enumerate().filter_map(place).collect();
        let calls = calls.iter().map(|call| call.name.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        Statement { text: self.text, words: self.words, parts, rough: self.open, hidden, calls, argument_of: None }
    }
}

/// Strings, and what they are put together, as `'DR' || 'OP TABLE x'` would be.
pub(super) fn with_joined(mut strings: Vec<String>) -> Vec<String> {
    if strings.len() > 1 {
        strings.push(strings.concat());
    }
    strings
}

/// The strings of a statement that functions are given, with the name of the function.
pub(super) fn given(strings: &[(usize, String)], calls: &[Call]) -> Vec<(Arc<str>, String)> {
    let arguments = |call: &Call| {
        let begin = strings.partition_point(|(at, _)| *at < call.arguments.start);
        let end = strings.partition_point(|(at, _)| *at < call.arguments.end);
        let strings = strings.get(begin..end).unwrap_or_default();
        let function: Arc<str> = call.name.as_str().into();
        let strings = with_joined(strings.iter().map(|(_, inside)| inside.clone()).collect());
        strings.into_iter().map(move |inside| (Arc::clone(&function), inside)).collect::<Vec<_>>()
    };
    functions::outermost(calls).flat_map(arguments).collect()
}

/// What the tokens of a text make.
pub(super) struct Found {
    /// Statements; empty ones vanish.
    pub drafts: Vec<Draft>,
    pub comments: Vec<String>,
}

/// Tokens as statements. `open` says that the last one has no end.
pub(super) fn found(pieces: Vec<Piece>, open: bool) -> Found {
    let mut found = Found { drafts: Vec::new(), comments: Vec::new() };
    let mut draft = Draft::default();
    for piece in pieces {
        match piece {
            Piece::Comment(inside) => found.comments.push(inside),
            Piece::Code(text) => {
                let word = text.to_lowercase();
                draft.push(&text, word);
            }
            Piece::Quoted { shown, inside } => {
                draft.strings.push((draft.words.len(), inside));
                draft.push(&shown, String::new());
            }
            Piece::Body { shown, inside } => {
                draft.strings.push((draft.words.len(), inside.clone()));
                draft.bodies.push(inside);
                draft.push(&shown, String::new());
            }
            Piece::End if draft.words.is_empty() => {}
            Piece::End => found.drafts.push(std::mem::take(&mut draft)),
        }
    }
    if !draft.words.is_empty() {
        found.drafts.push(Draft { open, ..draft });
    }
    found
}
