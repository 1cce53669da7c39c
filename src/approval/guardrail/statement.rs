//! One statement, as rules look at it.

use std::sync::Arc;

use super::words;

/// One statement in one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Statement {
    /// Its tokens, one space between them.
    pub text: String,
    /// Its tokens in lower case; what is quoted is an empty text, which no rule names.
    pub words: Vec<String>,
    /// Where statements begin in it: the number of the word and its byte in the text.
    pub parts: Vec<(usize, usize)>,
    /// Something that may not be code, or only the words of what could not be read: good enough to refuse, not to allow.
    pub rough: bool,
    /// It was found in a string or a body of another one.
    pub hidden: bool,
    /// The functions that it calls and that are not known to be harmless.
    pub calls: Vec<String>,
    /// The function that it was found in a string for.
    pub argument_of: Option<Arc<str>>,
}

impl Statement {
    /// Whether it begins as SQL does, so that a database may run it.
    pub(super) fn begins_sql(&self) -> bool {
        begins_sql(&self.words)
    }
}

/// Whether the words begin as SQL does.
pub(super) fn begins_sql(words: &[String]) -> bool {
    words.iter().find(|word| *word != "(").is_some_and(|word| words::begins_sql(word))
}
