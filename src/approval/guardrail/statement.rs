//! One statement, as rules see it.

use std::sync::Arc;

use super::words;

/// One statement in one dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Statement {
    /// Its tokens, separated by one space.
    pub text: String,
    /// Its tokens in lower case. A quoted token is an empty text, which no rule contains.
    pub words: Vec<String>,
    /// Where statements begin in it: the number of the word, and its byte in the text.
    pub parts: Vec<(usize, usize)>,
    /// Perhaps not code, or only the words of unreadable text: enough to deny, not to allow.
    pub rough: bool,
    /// Found in a string or function body of another statement.
    pub hidden: bool,
    /// The called functions that are not known to be harmless.
    pub calls: Vec<String>,
    /// The function in whose string argument it was found.
    pub argument_of: Option<Arc<str>>,
}

impl Statement {
    /// Whether it begins as SQL does, so that a database may execute it.
    pub(super) fn begins_sql(&self) -> bool {
        begins_sql(&self.words)
    }
}

/// Whether the words begin as SQL does.
pub(super) fn begins_sql(words: &[String]) -> bool {
    words.iter().find(|word| *word != "(").is_some_and(|word| words::begins_sql(word))
}
