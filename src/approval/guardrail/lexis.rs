//! The ways in which databases read the same text into tokens.
//!
//! Who asks says what language a command is in, and may be wrong or lying. A quote that one database skips opens a string in
//! another, so a command is read in every way that could differ for it, and whatever any reading sees counts.

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

/// One way to read: the differences that move the bounds of strings, comments and words.
#[derive(Debug)]
pub(super) struct Lexis {
    /// What a text must hold, in lower case, for this reading to differ from those before it; nothing for always.
    only_with: &'static str,
    /// A backslash escapes a quote.
    backslash: bool,
    /// `"` makes a name and not a string.
    quoted_names: bool,
    /// `` ` `` makes a name.
    backtick: bool,
    /// `[` makes a name.
    bracket: bool,
    /// `#` begins a comment, and `--` does only before white space.
    hash: bool,
    /// `/*!50000 … */` is code.
    hints: bool,
    /// Comments nest.
    nested: bool,
    /// `$tag$ … $tag$` is a string.
    dollar: bool,
    /// `E'…'` has backslash escapes.
    escapes: bool,
    /// `@` and `#` belong to words, and a number ends where a word begins.
    sigils: bool,
    /// `q'[…]'` is a string.
    alternative: bool,
    /// Lines after `COPY … FROM STDIN;` are data.
    copy: bool,
}

/// Standard SQL, which the others differ from.
const PLAIN: Lexis = Lexis {
    only_with: "",
    backslash: false,
    quoted_names: true,
    backtick: false,
    bracket: false,
    hash: false,
    hints: false,
    nested: false,
    dollar: false,
    escapes: false,
    sigils: false,
    alternative: false,
    copy: false,
};
const POSTGRESQL: Lexis = Lexis { nested: true, dollar: true, escapes: true, ..PLAIN };
const MYSQL: Lexis = Lexis { backslash: true, quoted_names: false, backtick: true, hash: true, hints: true, ..PLAIN };

/// All readings, those first that always differ.
static READINGS: [Lexis; 10] = [
    POSTGRESQL,
    MYSQL,
    // SQLite.
    Lexis { backtick: true, bracket: true, ..PLAIN },
    // SQL Server.
    Lexis { bracket: true, nested: true, sigils: true, ..PLAIN },
    // Oracle.
    Lexis { only_with: "q'", alternative: true, ..PLAIN },
    // psql, which keeps the lines of COPY from the server.
    Lexis { only_with: "stdin", copy: true, ..POSTGRESQL },
    // PostgreSQL with standard_conforming_strings off.
    Lexis { only_with: "\\", backslash: true, ..POSTGRESQL },
    // MySQL with ANSI_QUOTES, with NO_BACKSLASH_ESCAPES, and older than an executable comment asks for.
    Lexis { only_with: "\\", quoted_names: true, ..MYSQL },
    Lexis { only_with: "\\", backslash: false, ..MYSQL },
    Lexis { only_with: "/*!", hints: false, ..MYSQL },
];

/// The readings that can differ for a text.
pub(super) fn readings(text: &str) -> impl Iterator<Item = &'static Lexis> {
    let lower = text.to_ascii_lowercase();
    READINGS.iter().filter(move |lexis| lower.contains(lexis.only_with))
}

/// All readings, whatever the text.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Lexis> {
    READINGS.iter()
}

/// The reading that entries of `statements` are written in.
pub(super) fn of_entries() -> &'static Lexis {
    &READINGS[0]
}

/// What a token is to the guardrails.
pub(super) enum Piece {
    /// White space.
    Space,
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
    /// A text that is code to whoever runs it: the body of a function, lines of data. As shown, and its inside.
    Body {
        /// As shown.
        shown: String,
        /// What it says.
        inside: String,
    },
}

/// What a text says in one reading.
pub(super) struct Tokens {
    /// Its tokens.
    pub pieces: Vec<Piece>,
    /// From which byte on the reading cannot be trusted.
    pub unclear_from: Option<usize>,
    /// It holds a backslash outside of what is quoted: a command of `psql` or `mysql`, which may run what a query
    /// gives, or hand it to a program.
    pub client_command: bool,
}

impl Lexis {
    /// Reads a text as far as it can be read.
    pub(super) fn read(&'static self, text: &str) -> Tokens {
        let mut tokens = Vec::new();
        let finished = Tokenizer::new(self, text).tokenize_with_location_into_buf(&mut tokens).is_ok();
        let odd = tokens.iter().find(|token| self.is_odd(&token.token)).map(|token| token.span.start);
        // Tokens of an executable comment count their columns from its start, which is early and so on the safe side.
        let end = || tokens.iter().map(|token| token.span.end).max();
        let unclear_from = match (odd, finished) {
            (Some(start), _) => Some(offset(text, start.line, start.column)),
            (None, false) => Some(end().map_or(0, |end| offset(text, end.line, end.column))),
            (None, true) => None,
        };
        let client_command = tokens.iter().any(|token| token.token == Token::Backslash);
        Tokens { pieces: self.pieces(tokens), unclear_from, client_command }
    }

    /// Whether a token may end elsewhere in the database, or is none that a database reads.
    fn is_odd(&self, token: &Token) -> bool {
        match token {
            // Commands of psql and of MySQL's client; a shell's escapes.
            Token::Backslash => true,
            // The tokenizer lets a backslash escape the quote in every dialect.
            Token::HexStringLiteral(digits) => !digits.chars().all(|digit| digit.is_ascii_hexdigit()),
            // `]]` is a bracket in SQL Server's names and ends SQLite's.
            Token::Word(word) => word.quote_style == Some('[') && word.value.contains(']'),
            _ => false,
        }
    }

    fn pieces(&self, tokens: Vec<TokenWithSpan>) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(tokens.len());
        let mut after_number = false;
        for TokenWithSpan { token, .. } in tokens {
            let number = matches!(token, Token::Number(..));
            match token {
                // SQL Server reads `1edelete` as 1e and delete, and `$1delete` as an amount and delete.
                Token::Word(word) if self.sigils && after_number && word.quote_style.is_none() => {
                    let tail = word.value.strip_prefix(['e', 'E']).filter(|tail| !tail.is_empty());
                    let tail = tail.map(|tail| Piece::Code(tail.to_owned()));
                    pieces.push(Piece::Code(word.value));
                    pieces.extend(tail);
                }
                Token::Placeholder(amount) if self.sigils => {
                    let tail = amount.trim_start_matches(|c: char| c == '$' || c.is_ascii_digit());
                    let digits = amount.strip_suffix(tail).filter(|_| !tail.is_empty());
                    match digits.filter(|digits| digits.len() > 1) {
                        Some(digits) => {
                            pieces.extend([Piece::Code(digits.to_owned()), Piece::Code(tail.to_owned())]);
                        }
                        None => pieces.push(Piece::Code(amount)),
                    }
                }
                other => pieces.push(piece(other)),
            }
            after_number = number;
        }
        pieces
    }
}

fn piece(token: Token) -> Piece {
    match token {
        Token::Whitespace(Whitespace::SingleLineComment { comment, .. } | Whitespace::MultiLineComment(comment)) => {
            Piece::Comment(comment)
        }
        Token::Whitespace(_) => Piece::Space,
        Token::SemiColon => Piece::End,
        Token::Word(word) => match word.quote_style {
            None => Piece::Code(word.value),
            Some('[') => quoted('[', ']', word.value),
            Some(quote) => quoted(quote, quote, word.value),
        },
        Token::SingleQuotedString(inside)
        | Token::NationalStringLiteral(inside)
        | Token::EscapedStringLiteral(inside)
        | Token::HexStringLiteral(inside) => quoted('\'', '\'', inside),
        Token::DoubleQuotedString(inside) => quoted('"', '"', inside),
        Token::QuoteDelimitedStringLiteral(string) | Token::NationalQuoteDelimitedStringLiteral(string) => {
            quoted('\'', '\'', string.value)
        }
        Token::DollarQuotedString(string) => Piece::Body { shown: string.to_string(), inside: string.value },
        Token::CopyData { data, .. } => Piece::Body { shown: data.clone(), inside: data },
        other => Piece::Code(other.to_string()),
    }
}

fn quoted(open: char, close: char, inside: String) -> Piece {
    let doubled = inside.replace(close, &format!("{close}{close}"));
    Piece::Quoted { shown: format!("{open}{doubled}{close}"), inside }
}

/// The byte at a place as the tokenizer counts: lines and characters from 1.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let mut place = (1, 1);
    for (at, c) in text.char_indices() {
        if place >= (line, column) {
            return at;
        }
        place = if c == '\n' { (place.0 + 1, 1) } else { (place.0, place.1 + 1) };
    }
    text.len()
}

impl Dialect for Lexis {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_' || !ch.is_ascii()
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.is_identifier_start(ch) || ch.is_ascii_digit() || ch == '$' || self.sigils && matches!(ch, '@' | '#')
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        match ch {
            '"' => self.quoted_names,
            '`' => self.backtick,
            '[' => self.bracket,
            _ => false,
        }
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        self.backslash
    }

    fn supports_hash_comment(&self) -> bool {
        self.hash
    }

    fn requires_single_line_comment_whitespace(&self) -> bool {
        self.hash
    }

    fn supports_multiline_comment_hints(&self) -> bool {
        self.hints
    }

    fn supports_nested_comments(&self) -> bool {
        self.nested
    }

    fn supports_dollar_placeholder(&self) -> bool {
        !self.dollar
    }

    fn supports_string_escape_constant(&self) -> bool {
        self.escapes
    }

    fn supports_quote_delimited_string(&self) -> bool {
        self.alternative
    }

    fn supports_copy_from_stdin_data(&self) -> bool {
        self.copy
    }

    // `t.x'…'` is a name and a string, except in PostgreSQL.
    fn supports_literal_prefix_in_qualified_name(&self) -> bool {
        !self.escapes
    }
}
