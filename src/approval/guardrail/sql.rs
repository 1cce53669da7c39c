//! A command as statements: what rules look at.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::request::limits;
use super::alike;
use super::functions::{self, Call};
use super::lexis::{self, Lexis, Piece};
use super::script;
use super::text::{has_client_lines, plain, rough_words};
use super::words;

/// Statements of one command that are looked at.
const MAX_STATEMENTS: usize = 10_000;
/// How deep code is followed into strings in strings.
const MAX_DEPTH: u8 = 4;
/// Bytes of hidden code that one reading follows.
const MAX_HIDDEN: usize = 4 * limits::COMMAND;

/// One statement in one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Statement {
    /// Its tokens, one space between them.
    pub text: String,
    /// Its tokens in lower case; what is quoted is an empty text, which no rule names.
    pub words: Vec<String>,
    /// Where statements begin in it: the number of the word and its byte in the text.
    pub parts: Vec<(usize, usize)>,
    /// Only the words of something that could not be read: good enough to refuse, not to allow.
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

/// A command as all readings see it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// All different statements, hidden ones too.
    pub statements: Vec<Statement>,
    /// Something could not be read, so it may do more than what is seen.
    pub unclear: bool,
    /// It is no SQL, by its language or its looks.
    pub foreign: bool,
}

/// Reads a command, and the words of the program that it is given to, when its context says so.
pub(super) fn read(command: &str, language: Option<&str>, argv: &[&str]) -> Reading {
    let (text, clean) = plain(command);
    let foreign = language.is_some_and(|language| !words::is_sql(&language.to_lowercase())) || script::is_likely(&text);
    let mut pool = Pool { unclear: !clean, foreign, ..Pool::default() };
    if !clean {
        pool.add_rough(&text);
    }
    let client_lines = has_client_lines(&text);
    for (number, lexis) in lexis::readings(&text).enumerate() {
        // Most commands hold nothing that databases disagree about.
        if number == 1 && alike::in_all(&text, pool.runs_strings) {
            break;
        }
        Reader { lexis, pool: &mut pool, left: MAX_HIDDEN, foreign, argument_of: None }.read(
            &text,
            0,
            foreign || client_lines,
        );
    }
    if !pool.foreign && client_lines {
        pool.unclear = true;
    }
    if !argv.is_empty() {
        // What runs is the program: what it makes of the command, nobody can read.
        pool.unclear = true;
        let program = argv.join(" ");
        for text in argv.iter().copied().chain([program.as_str()]) {
            let (text, _) = plain(text);
            for lexis in lexis::readings(&text) {
                Reader { lexis, pool: &mut pool, left: MAX_HIDDEN, foreign: true, argument_of: None }
                    .follow(&text, 0, true);
            }
        }
    }
    if pool.full {
        pool.unclear = true;
        pool.full = false;
        pool.add_rough(&text);
        pool.add_rough(&argv.join(" "));
    }
    let mut statements: Vec<_> = pool.statements.into_iter().collect();
    statements.sort_unstable_by_key(|(_, place)| *place);
    let mut statements: Vec<_> = statements.into_iter().map(|(statement, _)| statement).collect();
    if statements.is_empty() {
        statements.push(Draft::default().statement(false, &[]));
    }
    Reading { statements, unclear: pool.unclear, foreign: pool.foreign }
}

/// What one reading alone sees.
#[cfg(test)]
pub(super) fn read_in(lexis: &'static Lexis, text: &str, foreign: bool) -> (Reading, bool) {
    let mut pool = Pool { foreign, ..Pool::default() };
    Reader { lexis, pool: &mut pool, left: MAX_HIDDEN, foreign, argument_of: None }.read(text, 0, foreign);
    let statements = pool.statements.into_keys().collect();
    (Reading { statements, unclear: pool.unclear, foreign: pool.foreign }, pool.runs_strings)
}

/// The words of an entry of `statements`, unless it is more than plain words.
pub(super) fn words_of_entry(entry: &str) -> Option<Vec<String>> {
    let tokens = lexis::of_entries().read(entry);
    let word = |piece| match piece {
        Piece::Space => None,
        Piece::Code(text) => Some(Some(text.to_lowercase())),
        _ => Some(None),
    };
    let words: Vec<String> = tokens.pieces.into_iter().filter_map(word).collect::<Option<_>>()?;
    (tokens.unclear_from.is_none() && plain(entry).1 && !words.is_empty()).then_some(words)
}

/// What has been found in a command so far.
#[derive(Debug, Default)]
struct Pool {
    statements: HashMap<Statement, usize>,
    unclear: bool,
    foreign: bool,
    full: bool,
    /// Something may run its strings.
    runs_strings: bool,
}

impl Pool {
    fn add(&mut self, statement: Statement) {
        if self.statements.len() >= MAX_STATEMENTS {
            self.full = true;
            return;
        }
        let place = self.statements.len();
        self.statements.entry(statement).or_insert(place);
    }

    /// Adds the words of a text that cannot be read.
    fn add_rough(&mut self, text: &str) {
        for words in rough_words(text) {
            if !words.is_empty() {
                // Always looked at, however full: they stand for all the rest.
                let place = self.statements.len();
                let text = words.join(" ");
                let rough = Statement { text, words, rough: true, ..Statement::default() };
                self.statements.entry(rough).or_insert(place);
            }
        }
    }
}

/// A statement while its tokens come in.
#[derive(Debug, Default)]
struct Draft {
    text: String,
    words: Vec<String>,
    offsets: Vec<usize>,
    /// What is quoted, by the number of the word.
    strings: Vec<(usize, String)>,
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
    fn runs_text(&self) -> bool {
        self.words.iter().any(|word| words::runs_text(word))
            || self.words.first().is_some_and(|word| word == "do")
            || self.is_foreign()
    }

    /// The functions that it calls and that are not known to be harmless.
    fn calls(&self) -> Vec<Call> {
        functions::calls(&self.words, &self.strings)
    }

    fn is_foreign(&self) -> bool {
        !begins_sql(&self.words)
    }

    fn statement(self, hidden: bool, calls: &[Call]) -> Statement {
        let starts = |at: usize, word: &str| {
            let called = self.words.get(at + 1).is_some_and(|next| next == "(") && !word.starts_with("exec");
            words::begins_statement(word) && !called
        };
        let places = self.words.iter().enumerate().zip(&self.offsets);
        let parts = places.skip(1).filter(|((at, word), _)| starts(*at, word)).map(|((at, _), offset)| (at, *offset));
        let parts = std::iter::once((0, 0)).chain(parts).collect();
        let calls = calls.iter().map(|call| call.name.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        Statement { text: self.text, words: self.words, parts, hidden, calls, ..Statement::default() }
    }
}

fn begins_sql(words: &[String]) -> bool {
    words.iter().find(|word| *word != "(").is_some_and(|word| words::begins_sql(word))
}

/// Strings, and what they are put together, as `'DR' || 'OP TABLE x'` would be.
fn with_joined(mut strings: Vec<String>) -> Vec<String> {
    if strings.len() > 1 {
        strings.push(strings.concat());
    }
    strings
}

/// The strings of a statement that functions are given, with the name of the function.
fn given(strings: &[(usize, String)], calls: &[Call]) -> Vec<(Arc<str>, String)> {
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

/// Reads a command and what is hidden in it in one way.
struct Reader<'a> {
    lexis: &'static Lexis,
    pool: &'a mut Pool,
    /// Bytes of hidden code that may still be followed.
    left: usize,
    /// What looks like a comment may be code as well: `psql --command='…'`.
    foreign: bool,
    /// The function that is called with what is read.
    argument_of: Option<Arc<str>>,
}

impl Reader<'_> {
    /// Reads a text; `open` says that its strings are code.
    fn read(&mut self, text: &str, depth: u8, open: bool) {
        if self.pool.full {
            return;
        }
        let tokens = self.lexis.read(text);
        let (drafts, mut hidden, comments) = drafts(tokens.pieces);
        if depth == 0 && drafts.iter().any(Draft::is_foreign) {
            self.foreign = true;
            self.pool.foreign = true;
        }
        if let Some(from) = tokens.unclear_from {
            // An argument of a program need not be code at all.
            self.pool.unclear |= depth == 0 || !self.is_argument();
            // A shell's backslash hides what is before it as well: `drop\ table`.
            let rest = text.get(from..).filter(|_| !self.foreign);
            self.pool.add_rough(rest.unwrap_or(text));
        }
        // One statement may set a variable that the next one runs.
        let calls: Vec<_> = drafts.iter().map(Draft::calls).collect();
        let open = open
            || self.foreign
            || tokens.client_command
            || drafts.iter().any(Draft::runs_text)
            || calls.iter().flatten().any(Call::runs_text);
        let mut arguments = Vec::new();
        if self.foreign {
            hidden.extend(comments);
        }
        for (mut draft, calls) in drafts.into_iter().zip(&calls) {
            let strings = std::mem::take(&mut draft.strings);
            let statement = draft.statement(depth > 0, calls);
            self.pool.add(Statement { argument_of: self.argument_of.clone(), ..statement });
            if open {
                hidden.extend(with_joined(strings.into_iter().map(|(_, inside)| inside).collect()));
            } else {
                arguments.extend(given(&strings, calls));
            }
        }
        self.pool.runs_strings |= open || !hidden.is_empty() || !arguments.is_empty();
        for inside in hidden {
            self.follow(&inside, depth, open);
        }
        for (function, inside) in arguments {
            let outer = self.argument_of.clone();
            self.argument_of.get_or_insert(function);
            self.follow(&inside, depth, open);
            self.argument_of = outer;
        }
    }

    /// Whether what is read is an argument of a program or a function, which need not be code at all.
    fn is_argument(&self) -> bool {
        self.foreign || self.argument_of.is_some()
    }

    fn follow(&mut self, inside: &str, depth: u8, open: bool) {
        if inside.trim().is_empty() {
            return;
        }
        match self.left.checked_sub(inside.len()) {
            Some(left) if depth < MAX_DEPTH => {
                self.left = left;
                self.read(inside, depth + 1, open);
                // An option with its value glued on: `psql '-cdrop table x'`.
                let glued = inside.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
                if let Some(value) = glued.and_then(|rest| rest.get(1..)).filter(|_| self.foreign) {
                    self.read(value, depth + 1, open);
                }
            }
            Some(left) => {
                self.left = left;
                self.pool.unclear |= !self.is_argument();
                self.pool.add_rough(inside);
            }
            None => self.pool.full = true,
        }
    }
}

/// Tokens as statements, bodies in them, and comments. Empty statements vanish.
fn drafts(pieces: Vec<Piece>) -> (Vec<Draft>, Vec<String>, Vec<String>) {
    let (mut drafts, mut bodies, mut comments) = (Vec::new(), Vec::new(), Vec::new());
    let mut draft = Draft::default();
    for piece in pieces.into_iter().chain([Piece::End]) {
        match piece {
            Piece::Space => {}
            Piece::Comment(inside) => comments.push(inside),
            Piece::Code(text) => {
                let word = text.to_lowercase();
                draft.push(&text, word);
            }
            Piece::Quoted { shown, inside } => {
                draft.strings.push((draft.words.len(), inside));
                draft.push(&shown, String::new());
            }
            Piece::Body { shown, inside } => {
                draft.push(&shown, String::new());
                bodies.push(inside);
            }
            Piece::End if draft.words.is_empty() => {}
            Piece::End => drafts.push(std::mem::take(&mut draft)),
        }
    }
    (drafts, bodies, comments)
}
