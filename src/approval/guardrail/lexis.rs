//! The ways in which databases read the same text into tokens.
//!
//! Who asks says what language a command is in, and may be wrong or lying. A quote that one database skips opens a string in
//! another, so a command is read in every way that could differ for it, and whatever any reading sees counts.

use std::collections::BTreeSet;

/// Versions of executable comments that one command is read for.
const MAX_VERSIONS: usize = 8;

/// One way to read: the differences that move the bounds of strings, comments and words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexis {
    /// What a text must hold, in lower case, for this reading to differ from those before it; nothing for always.
    only_with: &'static str,
    /// A backslash escapes a quote.
    pub backslash: bool,
    /// `"` makes a name and not a string.
    pub quoted_names: bool,
    /// `` ` `` makes a name.
    pub backtick: bool,
    /// What `[` does.
    pub brackets: Brackets,
    /// `#` begins a comment.
    pub hash: bool,
    /// `--` begins a comment only before white space.
    pub spaced_dashes: bool,
    /// Where a statement would begin, it begins one whatever follows.
    pub leading_dashes: bool,
    /// `//` begins a comment.
    pub slashes: bool,
    /// Which executable comments are code.
    pub hints: Hints,
    /// Comments nest.
    pub nested: bool,
    /// What `$$` does.
    pub dollar: Dollar,
    /// `E'…'` has backslash escapes.
    pub escapes: bool,
    /// `@` and `#` belong to words, and a number ends where a word begins.
    pub sigils: bool,
    /// `q'[…]'` is a string.
    pub alternative: bool,
    /// `'''…'''` is one string, and `r'…'` has a quote after a backslash.
    pub triple: bool,
    /// `:name(…)` is one variable.
    pub variables: bool,
    /// A word may begin with a digit.
    pub digits_begin_words: bool,
    /// Lines after `COPY … FROM STDIN;` are data.
    pub copy: bool,
}

/// What `[` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    /// It is an operator.
    None,
    /// It makes a name that the first `]` ends.
    ToFirst,
    /// It makes a name in which `]]` is a bracket.
    Doubled,
}

/// What `$$` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dollar {
    /// It is part of a word.
    None,
    /// It begins a string.
    Bare,
    /// So does `$tag$`.
    Tagged,
}

/// Which executable comments (`/*!50000 … */`) are code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hints {
    /// None.
    Comments,
    /// Those of `MySQL` up to this version.
    MySql(u32),
    /// Those of `MariaDB` (`/*M!`) and `MySQL` up to this version, but for `MySQL` 5.7 to 9.
    MariaDb(u32),
    /// Those of `TiDB` (`/*T!`) and `MySQL`, of whatever version.
    TiDb,
}

/// Standard SQL, which the others differ from.
const PLAIN: Lexis = Lexis {
    only_with: "",
    backslash: false,
    quoted_names: true,
    backtick: false,
    brackets: Brackets::None,
    hash: false,
    spaced_dashes: false,
    leading_dashes: false,
    slashes: false,
    hints: Hints::Comments,
    nested: false,
    dollar: Dollar::None,
    escapes: false,
    sigils: false,
    alternative: false,
    triple: false,
    variables: false,
    digits_begin_words: false,
    copy: false,
};
/// `DuckDB` too.
const POSTGRESQL: Lexis = Lexis { nested: true, dollar: Dollar::Tagged, escapes: true, ..PLAIN };
const MYSQL: Lexis = Lexis {
    backslash: true,
    quoted_names: false,
    backtick: true,
    hash: true,
    spaced_dashes: true,
    hints: Hints::MariaDb(u32::MAX),
    digits_begin_words: true,
    ..PLAIN
};

/// All readings, those first that always differ.
const READINGS: [Lexis; 12] = [
    POSTGRESQL,
    MYSQL,
    // SQLite.
    Lexis { backtick: true, brackets: Brackets::ToFirst, variables: true, ..PLAIN },
    // SQL Server.
    Lexis { brackets: Brackets::Doubled, nested: true, sigils: true, ..PLAIN },
    // Oracle, Trino.
    Lexis { alternative: true, ..PLAIN },
    // BigQuery.
    Lexis { backslash: true, quoted_names: false, backtick: true, hash: true, triple: true, ..PLAIN },
    // Snowflake.
    Lexis { backslash: true, slashes: true, dollar: Dollar::Bare, ..PLAIN },
    // psql, which keeps the lines of COPY from the server.
    Lexis { only_with: "stdin", copy: true, ..POSTGRESQL },
    // MySQL's client, which sends no such comment.
    Lexis { only_with: "--", leading_dashes: true, ..MYSQL },
    // PostgreSQL with standard_conforming_strings off.
    Lexis { only_with: "\\", backslash: true, ..POSTGRESQL },
    // MySQL with ANSI_QUOTES, with NO_BACKSLASH_ESCAPES.
    Lexis { only_with: "\\", quoted_names: true, ..MYSQL },
    Lexis { only_with: "\\", backslash: false, ..MYSQL },
];

/// The readings that can differ for a text, and whether they are all of them.
pub(super) fn readings(text: &str) -> (Vec<Lexis>, bool) {
    let lower = text.to_ascii_lowercase();
    let (hints, complete) = hints(text);
    let mut readings = Vec::with_capacity(READINGS.len());
    for lexis in READINGS.iter().filter(|lexis| lower.contains(lexis.only_with)) {
        if lexis.hints == Hints::Comments || hints.is_empty() {
            readings.push(*lexis);
        } else {
            readings.extend(hints.iter().map(|hints| Lexis { hints: *hints, ..*lexis }));
        }
    }
    (readings, complete)
}

/// The servers that differ in which executable comments of a text they run: those of each version that one asks for.
fn hints(text: &str) -> (Vec<Hints>, bool) {
    if !text.contains("/*!") && !text.contains("/*M!") && !text.contains("/*T!") {
        return (Vec::new(), true);
    }
    let mut versions = BTreeSet::from([0]);
    versions.extend(
        text.split("/*").filter_map(|part| part.strip_prefix("M!").or(part.strip_prefix('!'))).filter_map(version),
    );
    let complete = versions.len() <= MAX_VERSIONS;
    // The latest first: it runs most.
    let latest = versions.into_iter().rev().take(MAX_VERSIONS);
    let hints = latest.flat_map(|version| [Hints::MariaDb(version), Hints::MySql(version)]);
    (hints.chain(text.contains("/*T!").then_some(Hints::TiDb)).collect(), complete)
}

/// The version that an executable comment asks for: five digits or six behind its mark.
pub(super) fn version(inside: &str) -> Option<u32> {
    inside.get(..version_length(inside)).filter(|digits| !digits.is_empty())?.parse().ok()
}

/// Splits the inside of an executable comment: the letter of the database that it is for, if any, and what is behind its mark.
/// `TiDB` may be told by brackets which of its features the code needs.
pub(super) fn executable(inside: &str) -> Option<(Option<char>, &str)> {
    if let Some(code) = inside.strip_prefix("T!") {
        let features = code.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        return Some((Some('T'), features.map_or(code, |(_, code)| code)));
    }
    let mariadb = inside.strip_prefix("M!").map(|code| (Some('M'), code));
    mariadb.or_else(|| inside.strip_prefix('!').map(|code| (None, code)))
}

/// The length of such a version.
pub(super) fn version_length(inside: &str) -> usize {
    match inside.bytes().take(6).take_while(u8::is_ascii_digit).count() {
        length @ (5 | 6) => length,
        _ => 0,
    }
}

/// All readings, whatever the text.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = Lexis> {
    READINGS.into_iter()
}

/// The reading that entries of `statements` are written in.
pub(super) const fn of_entries() -> Lexis {
    POSTGRESQL
}

impl Hints {
    /// Whether a comment is code, by the letter of its mark and the version that it asks for.
    pub(super) fn runs(self, database: Option<char>, version: Option<u32>) -> bool {
        match (self, database, version) {
            (Self::Comments, ..) | (Self::MySql(_), Some(_), _) => false,
            (Self::TiDb, database, _) => database != Some('M'),
            (Self::MariaDb(_), Some('T'), _) => false,
            (_, _, None) => true,
            (Self::MySql(server), _, Some(version)) => version <= server,
            (Self::MariaDb(server), database, Some(version)) => {
                version <= server && (database.is_some() || !(50_700..=99_999).contains(&version))
            }
        }
    }
}

impl Lexis {
    /// Whether a word may begin so. Letters beyond ASCII are whatever is not ASCII: PostgreSQL, `MySQL` and SQLite go by bytes.
    pub(super) const fn begins_word(&self, c: char) -> bool {
        c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
    }

    /// Whether a word may go on so.
    pub(super) const fn is_of_word(&self, c: char) -> bool {
        self.begins_word(c) || c.is_ascii_digit() || c == '$' || self.sigils && matches!(c, '@' | '#')
    }
}
