//! Splits a text into the tokens of one dialect.

use super::copy::{self, CopyTracker};
use super::dialect::{self, Brackets, Dollar, Hints, SqlDialect};
use super::literal::{self, Escapes, quoted_end};

/// Operators of several characters, the longest first.
const OPERATORS: [&str; 24] = [
    "->>", "#>>", "!~*", "<=>", "||/", "->", "#>", "#-", "!~", "!=", "!!", "<=", "<>", "<<", "<@", ">=", ">>", "::",
    ":=", "&&", "||", "|/", "=>", "==",
];
const MORE_OPERATORS: [&str; 5] = ["~*", "@>", "@?", "@@", "^@"];

/// A token, as far as guardrails distinguish them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SqlToken {
    /// The text of a comment.
    Comment(String),
    /// The end of a statement.
    End,
    /// A token of code, as written.
    Code(String),
    /// A string or quoted name.
    Quoted {
        /// As rules see it.
        shown: String,
        /// Its value.
        inside: String,
    },
    /// A text that may well be code: in dollar quotes, or data lines.
    Body {
        /// As rules see it.
        shown: String,
        /// Its value.
        inside: String,
    },
}

/// The tokens of a text in one dialect.
#[derive(Debug)]
pub(super) struct ScannedText {
    pub tokens: Vec<SqlToken>,
    /// The first byte from which the tokens are uncertain.
    pub unclear_from: Option<usize>,
    /// Where an unterminated quote or comment begins. A database refuses that statement.
    pub unterminated_from: Option<usize>,
    /// There is a backslash outside of quotes: a command of `psql` or `mysql`, which may execute the result of a
    /// query, or pass it to a program.
    pub client_command: bool,
}

/// A quote or comment without an end.
struct Unterminated;

/// Scans a text as far as possible.
pub(super) fn scan(dialect: &SqlDialect, text: &str) -> ScannedText {
    let mut scanner = SqlScanner {
        dialect,
        text,
        at: 0,
        tokens: Vec::new(),
        odd: None,
        hint: None,
        client_command: false,
        copy: CopyTracker::default(),
    };
    let mut unterminated_from = None;
    while let Some(c) = scanner.rest().chars().next() {
        let start = scanner.at;
        if scanner.step(c).is_err() {
            unterminated_from = Some(start);
            break;
        }
    }
    // A server that accepts several statements at once executes those that are complete.
    let unclear_from = scanner.odd.into_iter().chain(scanner.hint).min();
    ScannedText { tokens: scanner.tokens, unclear_from, unterminated_from, client_command: scanner.client_command }
}

struct SqlScanner<'a> {
    dialect: &'a SqlDialect,
    text: &'a str,
    at: usize,
    tokens: Vec<SqlToken>,
    odd: Option<usize>,
    /// Where the executable comment begins that is being read as code.
    hint: Option<usize>,
    client_command: bool,
    copy: CopyTracker,
}

impl<'a> SqlScanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, c: char) -> Result<(), Unterminated> {
        let rest = self.rest();
        match c {
            ' ' | '\t' | '\n' => self.space(c),
            ';' => self.end(),
            '\'' => return self.string('\'', 0, self.plain_escapes()),
            '"' if self.dialect.quoted_names => return self.name('"', true),
            '"' => return self.string('"', 0, self.plain_escapes()),
            '`' if self.dialect.backtick && self.dialect.triple => return self.string('`', 0, Escapes::Simple),
            '`' if self.dialect.backtick => return self.name('`', true),
            '[' if self.dialect.brackets != Brackets::None => {
                return self.name(']', self.dialect.brackets == Brackets::Doubled);
            }
            _ if self.begins_comment(rest) => return self.comment(rest),
            '*' if self.hint.is_some() && rest.starts_with("*/") => {
                self.hint = None;
                self.at += 2;
            }
            '$' | ':' | '@' | '#' if self.variable(rest) => {}
            '$' => return self.dollar(rest),
            '0'..='9' => self.number(rest),
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => self.number(rest),
            _ if self.dialect.begins_word(c) => return self.word(rest),
            _ => self.operator(c, rest),
        }
        Ok(())
    }

    fn code(&mut self, length: usize) {
        let (token, _) = self.rest().split_at_checked(length).unwrap_or_default();
        self.copy.note(token);
        self.tokens.push(SqlToken::Code(token.to_owned()));
        self.at += length;
    }

    /// Marks the tokens from here on as uncertain: the database may read them differently.
    fn doubt(&mut self) {
        self.odd = self.odd.or(Some(self.at));
    }

    fn space(&mut self, c: char) {
        self.at += 1;
        if let Some(place) = self.copy.data_for.take_if(|_| c == '\n') {
            let data = copy::data(self.rest());
            self.at += data.len();
            let (shown, inside) = (data.to_owned(), data.to_owned());
            self.tokens.insert(place.min(self.tokens.len()), SqlToken::Body { shown, inside });
        }
    }

    fn end(&mut self) {
        let place = self.tokens.len();
        self.copy.end(place, self.dialect.copy);
        self.tokens.push(SqlToken::End);
        self.at += 1;
    }

    const fn plain_escapes(&self) -> Escapes {
        if self.dialect.backslash { Escapes::Simple } else { Escapes::None }
    }

    /// Scans a string, whose opening quote may follow a prefix.
    fn string(&mut self, quote: char, prefix: usize, escapes: Escapes) -> Result<(), Unterminated> {
        let from = self.rest().get(prefix..).unwrap_or_default();
        let mark = literal::opening(from, quote, self.dialect.triple);
        let inside = from.get(mark.len()..).unwrap_or_default();
        let length = quoted_end(inside, mark, escapes != Escapes::None, mark.len() == 1).ok_or(Unterminated)?;
        let after = inside.get(length + mark.len()..).unwrap_or_default();
        let mut inside = literal::unescaped(inside.get(..length).unwrap_or_default(), mark, escapes);
        if prefix == 0 && escapes == Escapes::None && self.is_behind_unicode_mark() {
            inside = literal::unicode_unescaped(&inside, literal::unicode_escape(after));
        }
        self.quoted(quote, quote, inside);
        self.at += prefix + length + 2 * mark.len();
        Ok(())
    }

    /// Whether the string that begins here has Unicode escapes, as in `U&'d\0061ta'`.
    fn is_behind_unicode_mark(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        let before = before.strip_suffix("u&").or(before.strip_suffix("U&"));
        before.is_some_and(|before| !before.ends_with(|c| self.dialect.is_of_word(c)))
    }

    /// Scans a quoted name, in which a backslash has no meaning.
    fn name(&mut self, close: char, doubled: bool) -> Result<(), Unterminated> {
        let from = self.rest().get(1..).unwrap_or_default();
        let mark: &str = match close {
            '"' => "\"",
            '`' => "`",
            _ => "]",
        };
        let length = quoted_end(from, mark, false, doubled).ok_or(Unterminated)?;
        let inside = from.get(..length).unwrap_or_default();
        let inside = if doubled { literal::unescaped(inside, mark, Escapes::None) } else { inside.to_owned() };
        self.quoted(if close == ']' { '[' } else { close }, close, inside);
        self.at += length + 2;
        Ok(())
    }

    fn quoted(&mut self, open: char, close: char, inside: String) {
        self.copy.note("");
        let mut shown = String::with_capacity(inside.len() + open.len_utf8() + close.len_utf8());
        shown.push(open);
        for (number, part) in inside.split(close).enumerate() {
            if number > 0 {
                shown.extend([close, close]);
            }
            shown.push_str(part);
        }
        shown.push(close);
        self.tokens.push(SqlToken::Quoted { shown, inside });
    }

    fn begins_comment(&self, rest: &str) -> bool {
        let mut bytes = rest.bytes();
        match (bytes.next(), bytes.next()) {
            (Some(b'/'), Some(b'*')) => true,
            (Some(b'-'), Some(b'-')) => {
                !self.dialect.spaced_dashes
                    || bytes.next().is_none_or(|b| b.is_ascii_whitespace())
                    || self.dialect.leading_dashes && self.is_between_statements()
            }
            (Some(b'/'), Some(b'/')) => self.dialect.slashes,
            (Some(b'#'), _) => self.dialect.hash,
            _ => false,
        }
    }

    fn is_between_statements(&self) -> bool {
        let code = self.tokens.iter().rev().find(|token| !matches!(token, SqlToken::Comment(_)));
        code.is_none_or(|token| *token == SqlToken::End)
    }

    fn comment(&mut self, rest: &str) -> Result<(), Unterminated> {
        if rest.starts_with("/*") {
            return self.block_comment(rest);
        }
        if self.hint.is_some() {
            // The end of the executable comment is part of this comment; not all databases know this.
            self.doubt();
        }
        let line = rest.split('\n').next().unwrap_or_default();
        self.tokens.push(SqlToken::Comment(line.trim_start_matches(['-', '#', '/']).to_owned()));
        self.at += line.len();
        Ok(())
    }

    fn block_comment(&mut self, rest: &str) -> Result<(), Unterminated> {
        let mut depth = if self.dialect.nested { usize::MAX } else { 0 };
        let marked = rest.get(2..).unwrap_or_default();
        let hint = dialect::executable(marked).filter(|_| self.dialect.hints != Hints::Comments);
        if let Some((database, inside)) = hint {
            if self.dialect.hints.runs(database, dialect::version(inside)) {
                self.hint = self.hint.or(Some(self.at));
                self.at += rest.len() - inside.len() + dialect::version_length(inside);
                return Ok(());
            }
            // A skipped one may contain comments; others may not.
            depth = usize::from(!(database == Some('M') && matches!(self.dialect.hints, Hints::MySql(_))));
        }
        let length = literal::comment_end(marked, depth).ok_or(Unterminated)?;
        let inside = marked.get(..length.saturating_sub(2)).unwrap_or_default();
        self.tokens.push(SqlToken::Comment(inside.to_owned()));
        self.at += 2 + length;
        Ok(())
    }

    /// Scans a SQLite variable with a suffix in parentheses, which may contain anything but white space. Other
    /// variables are ordinary words.
    fn variable(&mut self, rest: &str) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        // SQLite refuses `::` where no variable begins.
        if !self.dialect.variables || before.ends_with(':') {
            return false;
        }
        let Some(length) = literal::variable(rest) else { return false };
        if rest
            .get(..length)
            .is_some_and(|variable| variable.contains(['\'', '"', '`', '[', ']', ';', '\\', '-', '/', '#', '$']))
        {
            self.doubt();
        }
        self.code(length);
        true
    }

    fn dollar(&mut self, rest: &str) -> Result<(), Unterminated> {
        let mark = match self.dialect.dollar {
            Dollar::None => None,
            Dollar::Bare => rest.get(..2).filter(|mark| *mark == "$$"),
            Dollar::Tagged => literal::dollar_tag(rest),
        };
        if let Some(mark) = mark {
            if !mark.is_ascii() {
                // Databases differ most in letters beyond ASCII.
                self.doubt();
            }
            let inside = rest.get(mark.len()..).unwrap_or_default();
            let inside = inside.split_once(mark).ok_or(Unterminated)?.0.to_owned();
            self.at += inside.len() + 2 * mark.len();
            self.tokens.push(SqlToken::Body { shown: format!("{mark}{inside}{mark}"), inside });
            return Ok(());
        }
        let name = rest.get(1..).unwrap_or_default();
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        let length = if digits > 0 && (self.dialect.sigils || self.dialect.dollar == Dollar::Tagged) {
            // An amount of money, or a parameter; the text after it does not belong to it.
            let cents = name.get(digits..).unwrap_or_default();
            let cents = cents.strip_prefix('.').filter(|_| self.dialect.sigils);
            digits + cents.map_or(0, |cents| 1 + cents.bytes().take_while(u8::is_ascii_digit).count())
        } else {
            let word = |c: char| self.dialect.is_of_word(c) && !(c == '$' && self.dialect.dollar != Dollar::None);
            name.len() - name.trim_start_matches(word).len()
        };
        self.code(1 + length);
        Ok(())
    }

    fn number(&mut self, rest: &str) {
        let word = rest.len() - rest.trim_start_matches(|c| self.dialect.is_of_word(c)).len();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if self.dialect.digits_begin_words && word > digits {
            self.code(word);
        } else {
            self.code(literal::number(rest, self.dialect.sigils));
        }
    }

    /// Scans a word, or the string that it is the prefix of.
    fn word(&mut self, rest: &'a str) -> Result<(), Unterminated> {
        let after = rest.trim_start_matches(|c| self.dialect.is_of_word(c));
        let (word, _) = rest.split_at_checked(rest.len() - after.len()).unwrap_or_default();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            self.code(word.len());
            return Ok(());
        };
        // `t.x'…'` is a name and a string, except in PostgreSQL.
        let qualified = !self.dialect.escapes && self.text.get(..self.at).is_some_and(|before| before.ends_with('.'));
        let kind = word.to_ascii_lowercase();
        match kind.as_str() {
            _ if qualified => self.code(word.len()),
            "e" if self.dialect.escapes && quote == '\'' => return self.string(quote, 1, Escapes::Extended),
            "n" if quote == '\'' => return self.string(quote, 1, self.plain_escapes()),
            "b" | "x" if quote == '\'' && !self.dialect.triple => return self.digits(after, usize::from(kind == "x")),
            "q" | "nq" if self.dialect.alternative && quote == '\'' => return self.alternative(word.len(), after),
            _ => self.code(word.len()),
        }
        Ok(())
    }

    /// Scans `x'…'` or `b'…'`, with its letter or without: only digits, so no escapes.
    fn digits(&mut self, from: &str, prefix: usize) -> Result<(), Unterminated> {
        if from.get(1..).and_then(|inside| inside.split('\'').next()).is_some_and(|inside| inside.contains('\\')) {
            self.doubt();
        }
        if prefix == 0 {
            self.code(1);
        }
        self.string('\'', prefix, Escapes::None)
    }

    /// Scans Oracle's `q'[…]'`.
    fn alternative(&mut self, prefix: usize, from: &str) -> Result<(), Unterminated> {
        let open = from.chars().nth(1).filter(|c| !c.is_whitespace()).ok_or(Unterminated)?;
        let close = match open {
            '[' => ']',
            '{' => '}',
            '<' => '>',
            '(' => ')',
            other => other,
        };
        let inside = from.get(1 + open.len_utf8()..).unwrap_or_default();
        let (inside, _) = inside.split_once(&format!("{close}'")).ok_or(Unterminated)?;
        self.at += prefix + inside.len() + open.len_utf8() + close.len_utf8() + 2;
        self.quoted('\'', '\'', inside.to_owned());
        Ok(())
    }

    fn operator(&mut self, c: char, rest: &str) {
        // Commands of psql and of MySQL's client; a shell's escapes. And the text of the last error, which psql
        // inserts for this variable, and which contains words of the failed statement.
        let failed = || rest.trim_start_matches([':', '"', '\'']).starts_with("LAST_ERROR_MESSAGE");
        if c == '\\' || c == ':' && failed() {
            self.client_command = true;
            self.doubt();
        }
        let whole = |operator: &&&str| {
            rest.starts_with(**operator)
                && (1..operator.len()).all(|at| !rest.get(at..).is_some_and(|rest| self.begins_comment(rest)))
        };
        // Most operators have one character.
        let goes_on = rest.as_bytes().get(1).is_some_and(u8::is_ascii_punctuation);
        let operator = goes_on.then(|| OPERATORS.iter().chain(&MORE_OPERATORS).find(whole)).flatten();
        self.code(operator.map_or(c.len_utf8(), |operator| operator.len()));
    }
}
