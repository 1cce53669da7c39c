//! Splits a command into the statements that rules judge, in all dialects.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::limits;
use super::alike;
use super::builder::{SplitText, StatementBuilder, arguments_of, split, with_joined};
use super::dialect::{self, SqlDialect};
use super::functions::UnknownCall;
use super::scan::{ScannedText, SqlToken, scan};
use super::script;
use super::statement::Statement;
use super::text::{has_client_lines, plain, rough_words};
use super::words;

/// Maximum number of statements of a command that are judged one by one.
const MAX_STATEMENTS: usize = 10_000;
/// Maximum depth of code in strings in strings.
const MAX_DEPTH: u8 = 4;
/// Maximum number of bytes of hidden code that is read in one dialect.
const MAX_HIDDEN: usize = 4 * limits::COMMAND;

/// The statements of a command in all dialects.
#[derive(Debug, Default)]
pub(super) struct ParsedCommand {
    /// All different statements, with hidden ones.
    pub statements: Vec<Statement>,
    /// Something could not be read, so the command may do more than the statements show.
    pub unclear: bool,
    /// The command is not SQL, by its language or its look.
    pub foreign: bool,
}

/// Reads a command, and the arguments of the program that runs it, if its context contains them.
pub(super) fn read(command: &str, language: Option<&str>, argv: &[&str]) -> ParsedCommand {
    let (text, clean) = plain(command);
    let foreign = language.is_some_and(|language| !words::is_sql(language)) || script::is_likely(&text);
    let mut collector = Collector { unclear: !clean, foreign, ..Collector::default() };
    if !clean {
        collector.add_rough(&text);
    }
    let client_lines = has_client_lines(&text);
    let (dialects, complete) = dialect::for_text(&text);
    for (number, dialect) in dialects.into_iter().enumerate() {
        // Most commands contain nothing that dialects disagree about.
        if number == 1 && alike::in_all_dialects(&text, collector.runs_strings) {
            break;
        }
        CommandReader::new(dialect, &mut collector, foreign).read(&text, 0, foreign || client_lines);
    }
    collector.unclear |= !complete || !collector.foreign && client_lines;
    collector.close(&text);
    if !argv.is_empty() {
        // The program decides what it does with the command, and that is unknown.
        collector.unclear = true;
        let program = argv.join(" ");
        for text in argv.iter().copied().chain([program.as_str()]) {
            let (text, _) = plain(text);
            for dialect in dialect::for_text(&text).0 {
                CommandReader::new(dialect, &mut collector, true).follow(&text, 0, true);
            }
        }
    }
    if collector.full {
        collector.unclear = true;
        collector.full = false;
        collector.add_rough(&text);
        collector.add_rough(&argv.join(" "));
    }
    let mut statements: Vec<_> = collector.statements.into_iter().collect();
    statements.sort_unstable_by_key(|(_, place)| *place);
    let mut statements: Vec<_> = statements.into_iter().map(|(statement, _)| statement).collect();
    if statements.is_empty() {
        statements.push(StatementBuilder::default().build(false, &[]));
    }
    ParsedCommand { statements, unclear: collector.unclear, foreign: collector.foreign }
}

/// The statements in one dialect alone.
#[cfg(test)]
pub(super) fn read_in(dialect: SqlDialect, text: &str, foreign: bool) -> (ParsedCommand, bool) {
    let mut collector = Collector { foreign, ..Collector::default() };
    CommandReader::new(dialect, &mut collector, foreign).read(text, 0, foreign);
    collector.close(text);
    let statements = collector.statements.into_keys().collect();
    (ParsedCommand { statements, unclear: collector.unclear, foreign: collector.foreign }, collector.runs_strings)
}

/// Returns the words of an entry of `statements`, or `None` if it is more than plain words.
pub(super) fn words_of_entry(entry: &str) -> Option<Vec<String>> {
    let ScannedText { tokens, unclear_from, unterminated_from, .. } = scan(&dialect::of_entries(), entry);
    let word = |token| if let SqlToken::Code(text) = token { Some(text.to_lowercase()) } else { None };
    let words: Vec<String> = tokens.into_iter().map(word).collect::<Option<_>>()?;
    let clear = unclear_from.is_none() && unterminated_from.is_none() && plain(entry).1;
    (clear && !words.is_empty()).then_some(words)
}

/// The statements found so far.
#[derive(Debug, Default)]
struct Collector {
    statements: HashMap<Statement, usize>,
    unclear: bool,
    foreign: bool,
    full: bool,
    /// Something may execute its strings.
    runs_strings: bool,
    /// At least one dialect reads the command to its end.
    ended: bool,
    /// The first unterminated quote or comment in any dialect.
    unterminated_from: Option<usize>,
    /// In that dialect the command is not SQL.
    unterminated_foreign: bool,
}

impl Collector {
    fn add(&mut self, statement: Statement) {
        if self.statements.len() >= MAX_STATEMENTS {
            self.full = true;
            return;
        }
        let place = self.statements.len();
        self.statements.entry(statement).or_insert(place);
    }

    /// Handles unterminated quotes and comments, after all dialects. A database refuses a text that is unterminated in
    /// its dialect, so that does not matter if another dialect reads all of it. For programs other than databases
    /// nothing is known.
    fn close(&mut self, text: &str) {
        let Some(from) = self.unterminated_from.filter(|_| self.foreign || !self.ended) else { return };
        self.unclear = true;
        let foreign = self.foreign || self.unterminated_foreign;
        self.foreign = foreign;
        let rest = text.get(from..).filter(|_| !foreign);
        self.add_rough(rest.unwrap_or(text));
    }

    /// Adds the words of a text that cannot be read.
    fn add_rough(&mut self, text: &str) {
        for words in rough_words(text) {
            if !words.is_empty() {
                // Always added, even beyond the maximum: they represent all the rest.
                let place = self.statements.len();
                let text = words.join(" ");
                let rough = Statement { text, words, rough: true, ..Statement::default() };
                self.statements.entry(rough).or_insert(place);
            }
        }
    }
}

/// Reads a command, and the code hidden in it, in one dialect.
struct CommandReader<'a> {
    dialect: SqlDialect,
    collector: &'a mut Collector,
    /// Bytes of hidden code that may still be read.
    left: usize,
    /// The command is not SQL. Then text in a comment may be code as well: `psql --command='…'`.
    foreign: bool,
    /// The function that is called with the text that is being read.
    argument_of: Option<Arc<str>>,
    /// The text that is being read is probably not code.
    searching: bool,
}

/// Code hidden in the statements of a text.
#[derive(Debug, Default)]
struct HiddenCode {
    /// Text that is executed.
    code: Vec<String>,
    /// String arguments of functions.
    arguments: Vec<(Arc<str>, String)>,
    /// Text in dollar quotes that is probably not executed.
    bodies: Vec<String>,
}

impl<'a> CommandReader<'a> {
    const fn new(dialect: SqlDialect, collector: &'a mut Collector, foreign: bool) -> Self {
        Self { dialect, collector, left: MAX_HIDDEN, foreign, argument_of: None, searching: false }
    }
    /// Reads a text. `strings_are_code` says that its strings may be executed.
    fn read(&mut self, text: &str, depth: u8, strings_are_code: bool) {
        if self.collector.full {
            return;
        }
        let scanned = scan(&self.dialect, text);
        let SplitText { builders, comments } = split(scanned.tokens, scanned.unterminated_from.is_some());
        if depth == 0 && builders.iter().any(|builder| !builder.unterminated && builder.is_foreign()) {
            self.foreign = true;
            self.collector.foreign = true;
        }
        match scanned.unterminated_from {
            Some(from) if depth == 0 => {
                self.collector.unterminated_from =
                    Some(self.collector.unterminated_from.map_or(from, |other| other.min(from)));
                self.collector.unterminated_foreign |= builders.iter().any(StatementBuilder::is_foreign);
            }
            None => self.collector.ended |= depth == 0,
            _ => {}
        }
        let unterminated_inside = scanned.unterminated_from.filter(|_| depth > 0);
        if let Some(from) = scanned.unclear_from.into_iter().chain(unterminated_inside).min() {
            self.collector.unclear |= depth == 0 || !self.is_argument();
            // A shell's backslash also hides what is before it: `drop\ table`.
            let rest = text.get(from..).filter(|_| !self.foreign);
            self.collector.add_rough(rest.unwrap_or(text));
        }
        // One statement may set a variable whose value the next one executes.
        let calls: Vec<_> = builders.iter().map(StatementBuilder::calls).collect();
        let strings_are_code = strings_are_code
            || self.foreign
            || scanned.client_command
            || builders.iter().any(StatementBuilder::runs_text)
            || calls.iter().flatten().any(UnknownCall::runs_text);
        let mut hidden = HiddenCode { code: if self.foreign { comments } else { Vec::new() }, ..HiddenCode::default() };
        for (mut builder, calls) in builders.into_iter().zip(&calls) {
            let (strings, bodies) = (std::mem::take(&mut builder.strings), std::mem::take(&mut builder.bodies));
            let statement = builder.build(depth > 0, calls);
            let rough = statement.rough || self.searching;
            self.collector.add(Statement { argument_of: self.argument_of.clone(), rough, ..statement });
            if strings_are_code {
                hidden.code.extend(with_joined(strings.into_iter().map(|(_, inside)| inside).collect()));
            } else {
                hidden.arguments.extend(arguments_of(&strings, calls));
                hidden.bodies.extend(bodies);
            }
        }
        self.collector.runs_strings |= strings_are_code || !hidden.arguments.is_empty() || !hidden.bodies.is_empty();
        self.follow_all(hidden, depth, strings_are_code);
    }

    fn follow_all(&mut self, hidden: HiddenCode, depth: u8, strings_are_code: bool) {
        for inside in hidden.code {
            self.follow(&inside, depth, strings_are_code);
        }
        for (function, inside) in hidden.arguments {
            let outer = self.argument_of.clone();
            self.argument_of.get_or_insert(function);
            self.follow(&inside, depth, strings_are_code);
            self.argument_of = outer;
        }
        let searching = std::mem::replace(&mut self.searching, true);
        for inside in hidden.bodies {
            self.follow(&inside, depth, strings_are_code);
        }
        self.searching = searching;
    }

    /// Whether the text may not be code at all: an argument of a program or function, or a text in dollar quotes.
    fn is_argument(&self) -> bool {
        self.foreign || self.argument_of.is_some() || self.searching
    }

    fn follow(&mut self, inside: &str, depth: u8, strings_are_code: bool) {
        if inside.trim().is_empty() {
            return;
        }
        match self.left.checked_sub(inside.len()) {
            Some(left) if depth < MAX_DEPTH => {
                self.left = left;
                self.read(inside, depth + 1, strings_are_code);
                // An option with its value attached: `psql '-cdrop table x'`.
                let attached =
                    inside.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
                if let Some(value) = attached.and_then(|rest| rest.get(1..)).filter(|_| self.foreign) {
                    self.read(value, depth + 1, strings_are_code);
                }
            }
            Some(left) => {
                self.left = left;
                self.collector.unclear |= !self.is_argument();
                self.collector.add_rough(inside);
            }
            None => self.collector.full = true,
        }
    }
}
