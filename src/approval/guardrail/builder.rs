//! Builds statements from tokens, and collects what is quoted in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::functions::{self, UnknownCall};
use super::parts;
use super::scan::SqlToken;
use super::statement::{Statement, begins_sql};

/// A statement that is being built.
#[derive(Debug, Default)]
pub(super) struct StatementBuilder {
    text: String,
    words: Vec<String>,
    offsets: Vec<usize>,
    /// Quoted texts, with the number of their word.
    pub strings: Vec<(usize, String)>,
    /// The quoted texts in dollar quotes, and data lines.
    pub bodies: Vec<String>,
    /// Ends in an unterminated quote or comment.
    pub unterminated: bool,
}

impl StatementBuilder {
    fn push(&mut self, shown: &str, word: String) {
        if !self.words.is_empty() {
            self.text.push(' ');
        }
        self.offsets.push(self.text.len());
        self.text.push_str(shown);
        self.words.push(word);
    }

    /// Whether it may execute its strings: because of its words, or because it does not begin as SQL does.
    pub(super) fn runs_text(&self) -> bool {
        parts::runs_text(&self.words) || self.is_foreign()
    }

    /// The called functions that are not known to be harmless.
    pub(super) fn calls(&self) -> Vec<UnknownCall> {
        functions::calls(&self.words, &self.strings)
    }

    pub(super) fn is_foreign(&self) -> bool {
        !begins_sql(&self.words)
    }

    /// Returns the finished statement. An unterminated one is rough: a database with this dialect refuses it.
    pub(super) fn build(self, hidden: bool, calls: &[UnknownCall]) -> Statement {
        // The pattern of a rule also sees parentheses before the first word.
        let place = |(part, at): (usize, usize)| Some((at, if part == 0 { 0 } else { *self.offsets.get(at)? }));
        let parts = parts::beginnings(&self.words).into_iter().enumerate().filter_map(place).collect();
        let calls = calls.iter().map(|call| call.name.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        Statement {
            text: self.text,
            words: self.words,
            parts,
            rough: self.unterminated,
            hidden,
            calls,
            argument_of: None,
        }
    }
}

/// Adds the concatenation of all strings, which `'DR' || 'OP TABLE x'` would give.
pub(super) fn with_joined(mut strings: Vec<String>) -> Vec<String> {
    if strings.len() > 1 {
        strings.push(strings.concat());
    }
    strings
}

/// The string arguments of calls, with the name of the function.
pub(super) fn arguments_of(strings: &[(usize, String)], calls: &[UnknownCall]) -> Vec<(Arc<str>, String)> {
    let arguments = |call: &UnknownCall| {
        let begin = strings.partition_point(|(at, _)| *at < call.arguments.start);
        let end = strings.partition_point(|(at, _)| *at < call.arguments.end);
        let strings = strings.get(begin..end).unwrap_or_default();
        let function: Arc<str> = call.name.as_str().into();
        let strings = with_joined(strings.iter().map(|(_, inside)| inside.clone()).collect());
        strings.into_iter().map(move |inside| (Arc::clone(&function), inside)).collect::<Vec<_>>()
    };
    functions::outermost(calls).flat_map(arguments).collect()
}

/// A text, split into statements.
pub(super) struct SplitText {
    /// The statements that are not empty.
    pub builders: Vec<StatementBuilder>,
    pub comments: Vec<String>,
}

/// Splits tokens into statements. `unterminated` says that the last one ends in an unterminated quote or comment.
pub(super) fn split(tokens: Vec<SqlToken>, unterminated: bool) -> SplitText {
    let mut split = SplitText { builders: Vec::new(), comments: Vec::new() };
    let mut builder = StatementBuilder::default();
    for token in tokens {
        match token {
            SqlToken::Comment(inside) => split.comments.push(inside),
            SqlToken::Code(text) => {
                let word = text.to_lowercase();
                builder.push(&text, word);
            }
            SqlToken::Quoted { shown, inside } => {
                builder.strings.push((builder.words.len(), inside));
                builder.push(&shown, String::new());
            }
            SqlToken::Body { shown, inside } => {
                builder.strings.push((builder.words.len(), inside.clone()));
                builder.bodies.push(inside);
                builder.push(&shown, String::new());
            }
            SqlToken::End if builder.words.is_empty() => {}
            SqlToken::End => split.builders.push(std::mem::take(&mut builder)),
        }
    }
    if !builder.words.is_empty() {
        split.builders.push(StatementBuilder { unterminated, ..builder });
    }
    split
}
