//! A text as tokens, in one reading.

use super::copy::{self, Copy};
use super::lexis::{self, Brackets, Dollar, Hints, Lexis};
use super::literal::{self, Escapes, quoted_end};

/// Operators of several characters, the longest first.
const OPERATORS: [&str; 24] = [
    "->>", "#>>", "!~*", "<=>", "||/", "->", "#>", "#-", "!~", "!=", "!!", "<=", "<>", "<<", "<@", ">=", ">>", "::",
    ":=", "&&", "||", "|/", "=>", "==",
];
const MORE_OPERATORS: [&str; 5] = ["~*", "@>", "@?", "@@", "^@"];

/// What a token is to the guardrails.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A comment's inside.
    Comment(String),
    /// The end of a statement.
    End,
    /// A token of code, as written.
    Code(String),
    /// A string or quoted name: as shown, and its inside.
    Quoted {
        /// As shown.
        shown: String,
        /// What it says.
        inside: String,
    },
    /// A text that may well be code: in dollar quotes, lines of data. As shown, and its inside.
    Body {
        /// As shown.
        shown: String,
        /// What it says.
        inside: String,
    },
}

/// What a text says in one reading.
#[derive(Debug)]
pub(super) struct Tokens {
    /// Its tokens.
    pub pieces: Vec<Piece>,
    /// From which byte on the reading cannot be trusted.
    pub unclear_from: Option<usize>,
    /// Where a quote or comment begins that does not end. The database refuses this statement.
    pub open_from: Option<usize>,
    /// It holds a backslash outside of what is quoted: a command of `psql` or `mysql`, which may run what a query
    /// gives, or hand it to a program.
    pub client_command: bool,
}

/// A quote or comment without an end.
struct Open;

/// Reads a text as far as it can be read.
pub(super) fn scan(lexis: &Lexis, text: &str) -> Tokens {
    let mut scanner = Scanner {
        lexis,
        text,
        at: 0,
        pieces: Vec::new(),
        odd: None,
        hint: None,
        client_command: false,
        copy: Copy::default(),
    };
    let mut open_from = None;
    while let Some(c) = scanner.rest().chars().next() {
        let start = scanner.at;
        if scanner.step(c).is_err() {
            open_from = Some(start);
            break;
        }
    }
    // A server that takes several statements at once runs those that are whole.
    let unclear_from = scanner.odd.into_iter().chain(scanner.hint).min();
    Tokens { pieces: scanner.pieces, unclear_from, open_from, client_command: scanner.client_command }
}

struct Scanner<'a> {
    lexis: &'a Lexis,
    text: &'a str,
    at: usize,
    pieces: Vec<Piece>,
    odd: Option<usize>,
    /// Where the executable comment begins that is being read as code.
    hint: Option<usize>,
    client_command: bool,
    copy: Copy,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, c: char) -> Result<(), Open> {
        let rest = self.rest();
        match c {
            ' ' | '\t' | '\n' => self.space(c),
            ';' => self.end(),
            '\'' => return self.string('\'', 0, self.plain_escapes()),
            '"' if self.lexis.quoted_names => return self.name('"', true),
            '"' => return self.string('"', 0, self.plain_escapes()),
            '`' if self.lexis.backtick && self.lexis.triple => return self.string('`', 0, Escapes::Simple),
            '`' if self.lexis.backtick => return self.name('`', true),
            '[' if self.lexis.brackets != Brackets::None => {
                return self.name(']', self.lexis.brackets == Brackets::Doubled);
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
            _ if self.lexis.begins_word(c) => return self.word(rest),
            _ => self.operator(c, rest),
        }
        Ok(())
    }

    fn code(&mut self, length: usize) {
        let (token, _) = self.rest().split_at_checked(length).unwrap_or_default();
        self.copy.note(token);
        self.pieces.push(Piece::Code(token.to_owned()));
        self.at += length;
    }

    /// From here on this reading may not be the database's.
    fn doubt(&mut self) {
        self.odd = self.odd.or(Some(self.at));
    }

    fn space(&mut self, c: char) {
        self.at += 1;
        if let Some(place) = self.copy.data_for.take_if(|_| c == '\n') {
            let data = copy::data(self.rest());
            self.at += data.len();
            let (shown, inside) = (data.to_owned(), data.to_owned());
            self.pieces.insert(place.min(self.pieces.len()), Piece::Body { shown, inside });
        }
    }

    fn end(&mut self) {
        let place = self.pieces.len();
        self.copy.end(place, self.lexis.copy);
        self.pieces.push(Piece::End);
        self.at += 1;
    }

    const fn plain_escapes(&self) -> Escapes {
        if self.lexis.backslash { Escapes::Simple } else { Escapes::None }
    }

    /// A string, whose opening quote stands behind a prefix.
    fn string(&mut self, quote: char, prefix: usize, escapes: Escapes) -> Result<(), Open> {
        let from = self.rest().get(prefix..).unwrap_or_default();
        let mark = literal::opening(from, quote, self.lexis.triple);
        let inside = from.get(mark.len()..).unwrap_or_default();
        let length = quoted_end(inside, mark, escapes != Escapes::None, mark.len() == 1).ok_or(Open)?;
        let after = inside.get(length + mark.len()..).unwrap_or_default();
        let mut inside = literal::unescaped(inside.get(..length).unwrap_or_default(), mark, escapes);
        if prefix == 0 && escapes == Escapes::None && self.is_behind_unicode_mark() {
            inside = literal::unicode_unescaped(&inside, literal::unicode_escape(after));
        }
        self.quoted(quote, quote, inside);
        self.at += prefix + length + 2 * mark.len();
        Ok(())
    }

    /// Whether a string that begins here has the characters of `U&'d\0061ta'` in it.
    fn is_behind_unicode_mark(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        let before = before.strip_suffix("u&").or(before.strip_suffix("U&"));
        before.is_some_and(|before| !before.ends_with(|c| self.lexis.is_of_word(c)))
    }

    /// A quoted name; a backslash means nothing in it.
    fn name(&mut self, close: char, doubled: bool) -> Result<(), Open> {
        let from = self.rest().get(1..).unwrap_or_default();
        let mark: &str = match close {
            '"' => "\"",
            '`' => "`",
            _ => "]",
        };
        let length = quoted_end(from, mark, false, doubled).ok_or(Open)?;
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
        self.pieces.push(Piece::Quoted { shown, inside });
    }

    fn begins_comment(&self, rest: &str) -> bool {
        let mut bytes = rest.bytes();
        match (bytes.next(), bytes.next()) {
            (Some(b'/'), Some(b'*')) => true,
            (Some(b'-'), Some(b'-')) => {
                !self.lexis.spaced_dashes
                    || bytes.next().is_none_or(|b| b.is_ascii_whitespace())
                    || self.lexis.leading_dashes && self.is_between_statements()
            }
            (Some(b'/'), Some(b'/')) => self.lexis.slashes,
            (Some(b'#'), _) => self.lexis.hash,
            _ => false,
        }
    }

    fn is_between_statements(&self) -> bool {
        let code = self.pieces.iter().rev().find(|piece| !matches!(piece, Piece::Comment(_)));
        code.is_none_or(|piece| *piece == Piece::End)
    }

    fn comment(&mut self, rest: &str) -> Result<(), Open> {
        if rest.starts_with("/*") {
            return self.block_comment(rest);
        }
        if self.hint.is_some() {
            // The mark that ends the executable comment is part of this one, which not everybody knows.
            self.doubt();
        }
        let line = rest.split('\n').next().unwrap_or_default();
        self.pieces.push(Piece::Comment(line.trim_start_matches(['-', '#', '/']).to_owned()));
        self.at += line.len();
        Ok(())
    }

    fn block_comment(&mut self, rest: &str) -> Result<(), Open> {
        let mut depth = if self.lexis.nested { usize::MAX } else { 0 };
        let marked = rest.get(2..).unwrap_or_default();
        let hint = lexis::executable(marked).filter(|_| self.lexis.hints != Hints::Comments);
        if let Some((database, inside)) = hint {
            if self.lexis.hints.runs(database, lexis::version(inside)) {
                self.hint = self.hint.or(Some(self.at));
                self.at += rest.len() - inside.len() + lexis::version_length(inside);
                return Ok(());
            }
            // One that is skipped may hold comments, which these may not.
            depth = usize::from(!(database == Some('M') && matches!(self.lexis.hints, Hints::MySql(_))));
        }
        let length = literal::comment_end(marked, depth).ok_or(Open)?;
        let inside = marked.get(..length.saturating_sub(2)).unwrap_or_default();
        self.pieces.push(Piece::Comment(inside.to_owned()));
        self.at += 2 + length;
        Ok(())
    }

    /// SQLite's variables with a suffix in parentheses, which may hold anything but white space. Others are read as by everybody.
    fn variable(&mut self, rest: &str) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        // SQLite refuses `::` where no variable begins.
        if !self.lexis.variables || before.ends_with(':') {
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

    fn dollar(&mut self, rest: &str) -> Result<(), Open> {
        let mark = match self.lexis.dollar {
            Dollar::None => None,
            Dollar::Bare => rest.get(..2).filter(|mark| *mark == "$$"),
            Dollar::Tagged => literal::dollar_tag(rest),
        };
        if let Some(mark) = mark {
            if !mark.is_ascii() {
                // Databases agree least on letters beyond ASCII.
                self.doubt();
            }
            let inside = rest.get(mark.len()..).unwrap_or_default();
            let inside = inside.split_once(mark).ok_or(Open)?.0.to_owned();
            self.at += inside.len() + 2 * mark.len();
            self.pieces.push(Piece::Body { shown: format!("{mark}{inside}{mark}"), inside });
            return Ok(());
        }
        let name = rest.get(1..).unwrap_or_default();
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        let length = if digits > 0 && (self.lexis.sigils || self.lexis.dollar == Dollar::Tagged) {
            // An amount of money, or a parameter; what follows is not part of it.
            let cents = name.get(digits..).unwrap_or_default();
            let cents = cents.strip_prefix('.').filter(|_| self.lexis.sigils);
            digits + cents.map_or(0, |cents| 1 + cents.bytes().take_while(u8::is_ascii_digit).count())
        } else {
            let word = |c: char| self.lexis.is_of_word(c) && !(c == '$' && self.lexis.dollar != Dollar::None);
            name.len() - name.trim_start_matches(word).len()
        };
        self.code(1 + length);
        Ok(())
    }

    fn number(&mut self, rest: &str) {
        let word = rest.len() - rest.trim_start_matches(|c| self.lexis.is_of_word(c)).len();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if self.lexis.digits_begin_words && word > digits {
            self.code(word);
        } else {
            self.code(literal::number(rest, self.lexis.sigils));
        }
    }

    /// A word, or the string that it is the prefix of.
    fn word(&mut self, rest: &'a str) -> Result<(), Open> {
        let after = rest.trim_start_matches(|c| self.lexis.is_of_word(c));
        let (word, _) = rest.split_at_checked(rest.len() - after.len()).unwrap_or_default();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            self.code(word.len());
            return Ok(());
        };
        // `t.x'…'` is a name and a string, except in PostgreSQL.
        let qualified = !self.lexis.escapes && self.text.get(..self.at).is_some_and(|before| before.ends_with('.'));
        let kind = word.to_ascii_lowercase();
        match kind.as_str() {
            _ if qualified => self.code(word.len()),
            "e" if self.lexis.escapes && quote == '\'' => return self.string(quote, 1, Escapes::Extended),
            "n" if quote == '\'' => return self.string(quote, 1, self.plain_escapes()),
            "b" | "x" if quote == '\'' && !self.lexis.triple => return self.digits(after, usize::from(kind == "x")),
            "q" | "nq" if self.lexis.alternative && quote == '\'' => return self.alternative(word.len(), after),
            _ => self.code(word.len()),
        }
        Ok(())
    }

    /// `x'…'` or `b'…'`, behind that letter unless it is part of the string: nothing but digits, so no escapes.
    fn digits(&mut self, from: &str, prefix: usize) -> Result<(), Open> {
        if from.get(1..).and_then(|inside| inside.split('\'').next()).is_some_and(|inside| inside.contains('\\')) {
            self.doubt();
        }
        if prefix == 0 {
            self.code(1);
        }
        self.string('\'', prefix, Escapes::None)
    }

    /// Oracle's `q'[…]'`.
    fn alternative(&mut self, prefix: usize, from: &str) -> Result<(), Open> {
        let open = from.chars().nth(1).filter(|c| !c.is_whitespace()).ok_or(Open)?;
        let close = match open {
            '[' => ']',
            '{' => '}',
            '<' => '>',
            '(' => ')',
            other => other,
        };
        let inside = from.get(1 + open.len_utf8()..).unwrap_or_default();
        let (inside, _) = inside.split_once(&format!("{close}'")).ok_or(Open)?;
        self.at += prefix + inside.len() + open.len_utf8() + close.len_utf8() + 2;
        self.quoted('\'', '\'', inside.to_owned());
        Ok(())
    }

    fn operator(&mut self, c: char, rest: &str) {
        // Commands of psql and of MySQL's client; a shell's escapes. And what psql puts in place of its variable, which holds
        // words of the statement before it.
        let failed = || rest.trim_start_matches([':', '"', '\'']).starts_with("LAST_ERROR_MESSAGE");
        if c == '\\' || c == ':' && failed() {
            self.client_command = true;
            self.doubt();
        }
        let whole = |operator: &&&str| {
            rest.starts_with(**operator)
                && (1..operator.len()).all(|at| !rest.get(at..).is_some_and(|rest| self.begins_comment(rest)))
        };
        // Most marks stand alone.
        let goes_on = rest.as_bytes().get(1).is_some_and(u8::is_ascii_punctuation);
        let operator = goes_on.then(|| OPERATORS.iter().chain(&MORE_OPERATORS).find(whole)).flatten();
        self.code(operator.map_or(c.len_utf8(), |operator| operator.len()));
    }
}
