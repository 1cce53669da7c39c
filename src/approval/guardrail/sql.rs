//! A command as statements: what rules look at.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::limits;
use super::alike;
use super::draft::{Draft, Found, found, given, with_joined};
use super::functions::Call;
use super::lexis::{self, Lexis};
use super::scan::{Piece, Tokens, scan};
use super::script;
use super::statement::Statement;
use super::text::{has_client_lines, plain, rough_words};
use super::words;

/// Statements of one command that are looked at.
const MAX_STATEMENTS: usize = 10_000;
/// How deep code is followed into strings in strings.
const MAX_DEPTH: u8 = 4;
/// Bytes of hidden code that one reading follows.
const MAX_HIDDEN: usize = 4 * limits::COMMAND;

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
    let foreign = language.is_some_and(|language| !words::is_sql(language)) || script::is_likely(&text);
    let mut pool = Pool { unclear: !clean, foreign, ..Pool::default() };
    if !clean {
        pool.add_rough(&text);
    }
    let client_lines = has_client_lines(&text);
    let (readings, complete) = lexis::readings(&text);
    for (number, lexis) in readings.into_iter().enumerate() {
        // Most commands hold nothing that databases disagree about.
        if number == 1 && alike::in_all(&text, pool.runs_strings) {
            break;
        }
        Reader::new(lexis, &mut pool, foreign).read(&text, 0, foreign || client_lines);
    }
    pool.unclear |= !complete || !pool.foreign && client_lines;
    pool.close(&text);
    if !argv.is_empty() {
        // What runs is the program: what it makes of the command, nobody can read.
        pool.unclear = true;
        let program = argv.join(" ");
        for text in argv.iter().copied().chain([program.as_str()]) {
            let (text, _) = plain(text);
            for lexis in lexis::readings(&text).0 {
                Reader::new(lexis, &mut pool, true).follow(&text, 0, true);
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
pub(super) fn read_in(lexis: Lexis, text: &str, foreign: bool) -> (Reading, bool) {
    let mut pool = Pool { foreign, ..Pool::default() };
    Reader::new(lexis, &mut pool, foreign).read(text, 0, foreign);
    pool.close(text);
    let statements = pool.statements.into_keys().collect();
    (Reading { statements, unclear: pool.unclear, foreign: pool.foreign }, pool.runs_strings)
}

/// The words of an entry of `statements`, unless it is more than plain words.
pub(super) fn words_of_entry(entry: &str) -> Option<Vec<String>> {
    let Tokens { pieces, unclear_from, open_from, .. } = scan(&lexis::of_entries(), entry);
    let word = |piece| if let Piece::Code(text) = piece { Some(text.to_lowercase()) } else { None };
    let words: Vec<String> = pieces.into_iter().map(word).collect::<Option<_>>()?;
    let clear = unclear_from.is_none() && open_from.is_none() && plain(entry).1;
    (clear && !words.is_empty()).then_some(words)
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
    /// A reading came to the end of the command.
    ended: bool,
    /// The first place from which another one did not.
    open_from: Option<usize>,
    /// That one saw no SQL.
    open_foreign: bool,
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

    /// Judges quotes and comments without an end, once all readings are done. A database refuses what comes to no end in its
    /// reading, so that is no matter as long as another one reads all of it. What programs other than databases do, nobody knows.
    fn close(&mut self, text: &str) {
        let Some(from) = self.open_from.filter(|_| self.foreign || !self.ended) else { return };
        self.unclear = true;
        let foreign = self.foreign || self.open_foreign;
        self.foreign = foreign;
        let rest = text.get(from..).filter(|_| !foreign);
        self.add_rough(rest.unwrap_or(text));
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

/// Reads a command and what is hidden in it in one way.
struct Reader<'a> {
    lexis: Lexis,
    pool: &'a mut Pool,
    /// Bytes of hidden code that may still be followed.
    left: usize,
    /// What looks like a comment may be code as well: `psql --command='…'`.
    foreign: bool,
    /// The function that is called with what is read.
    argument_of: Option<Arc<str>>,
    /// What is read may be code, but probably is not.
    searching: bool,
}

/// What is hidden in the statements of a text.
#[derive(Debug, Default)]
struct Hidden {
    /// What is run.
    code: Vec<String>,
    /// What functions are given.
    arguments: Vec<(Arc<str>, String)>,
    /// What is in dollar quotes and probably not run.
    bodies: Vec<String>,
}

impl<'a> Reader<'a> {
    const fn new(lexis: Lexis, pool: &'a mut Pool, foreign: bool) -> Self {
        Self { lexis, pool, left: MAX_HIDDEN, foreign, argument_of: None, searching: false }
    }
    /// Reads a text; `open` says that its strings are code.
    fn read(&mut self, text: &str, depth: u8, open: bool) {
        if self.pool.full {
            return;
        }
        let tokens = scan(&self.lexis, text);
        let Found { drafts, comments } = found(tokens.pieces, tokens.open_from.is_some());
        if depth == 0 && drafts.iter().any(|draft| !draft.open && draft.is_foreign()) {
            self.foreign = true;
            self.pool.foreign = true;
        }
        match tokens.open_from {
            Some(from) if depth == 0 => {
                self.pool.open_from = Some(self.pool.open_from.map_or(from, |other| other.min(from)));
                self.pool.open_foreign |= drafts.iter().any(Draft::is_foreign);
            }
            None => self.pool.ended |= depth == 0,
            _ => {}
        }
        let open_inside = tokens.open_from.filter(|_| depth > 0);
        if let Some(from) = tokens.unclear_from.into_iter().chain(open_inside).min() {
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
        let mut hidden = Hidden { code: if self.foreign { comments } else { Vec::new() }, ..Hidden::default() };
        for (mut draft, calls) in drafts.into_iter().zip(&calls) {
            let (strings, bodies) = (std::mem::take(&mut draft.strings), std::mem::take(&mut draft.bodies));
            let statement = draft.statement(depth > 0, calls);
            let rough = statement.rough || self.searching;
            self.pool.add(Statement { argument_of: self.argument_of.clone(), rough, ..statement });
            if open {
                hidden.code.extend(with_joined(strings.into_iter().map(|(_, inside)| inside).collect()));
            } else {
                hidden.arguments.extend(given(&strings, calls));
                hidden.bodies.extend(bodies);
            }
        }
        self.pool.runs_strings |= open || !hidden.arguments.is_empty() || !hidden.bodies.is_empty();
        self.follow_all(hidden, depth, open);
    }

    fn follow_all(&mut self, hidden: Hidden, depth: u8, open: bool) {
        for inside in hidden.code {
            self.follow(&inside, depth, open);
        }
        for (function, inside) in hidden.arguments {
            let outer = self.argument_of.clone();
            self.argument_of.get_or_insert(function);
            self.follow(&inside, depth, open);
            self.argument_of = outer;
        }
        let searching = std::mem::replace(&mut self.searching, true);
        for inside in hidden.bodies {
            self.follow(&inside, depth, open);
        }
        self.searching = searching;
    }

    /// Whether what is read need not be code at all: an argument of a program or a function, a text in dollar quotes.
    fn is_argument(&self) -> bool {
        self.foreign || self.argument_of.is_some() || self.searching
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
