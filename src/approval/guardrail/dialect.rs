//! The dialects of SQL, as far as they read the same text as different tokens.
//!
//! The requester states the language of a command, and may be wrong or lying. A quote that one database skips opens a
//! string in another. So a command is read in every dialect that could differ for it, and the statements of all of
//! them count.

use std::collections::BTreeSet;

/// Maximum number of versions of executable comments for which a command is read.
const MAX_VERSIONS: usize = 8;

/// One dialect: the differences that change where strings, comments and words begin and end.
#[derive(Debug, Clone, Copy)]
pub(super) struct SqlDialect {
    /// Text (in lower case) without which this dialect reads like an earlier one in the list; empty if it always
    /// differs.
    only_with: &'static str,
    /// A backslash escapes a quote.
    pub backslash: bool,
    /// `"` quotes a name, not a string.
    pub quoted_names: bool,
    /// `` ` `` quotes a name.
    pub backtick: bool,
    /// The meaning of `[`.
    pub brackets: Brackets,
    /// `#` begins a comment.
    pub hash: bool,
    /// `--` only begins a comment if white space follows.
    pub spaced_dashes: bool,
    /// At the beginning of a statement, `--` always begins a comment.
    pub leading_dashes: bool,
    /// `//` begins a comment.
    pub slashes: bool,
    /// Which executable comments are code.
    pub hints: Hints,
    /// Comments nest.
    pub nested: bool,
    /// The meaning of `$$`.
    pub dollar: Dollar,
    /// `E'…'` has backslash escapes.
    pub escapes: bool,
    /// Words contain `@` and `#`, and a number ends where a word begins.
    pub sigils: bool,
    /// `q'[…]'` is a string.
    pub alternative: bool,
    /// `'''…'''` is one string, and in `r'…'` a backslash keeps the quote.
    pub triple: bool,
    /// `:name(…)` is one variable.
    pub variables: bool,
    /// A word may begin with a digit.
    pub digits_begin_words: bool,
    /// Lines after `COPY … FROM STDIN;` are data.
    pub copy: bool,
}

/// The meaning of `[`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    /// An operator.
    None,
    /// Quotes a name, which the first `]` ends.
    ToFirst,
    /// Quotes a name, in which `]]` is a bracket.
    Doubled,
}

/// The meaning of `$$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dollar {
    /// Part of a word.
    None,
    /// Begins a string.
    Bare,
    /// Begins a string, and so does `$tag$`.
    Tagged,
}

/// Which executable comments (`/*!50000 … */`) are code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hints {
    /// None.
    Comments,
    /// Those of `MySQL` up to this version.
    MySql(u32),
    /// Those of `MariaDB` (`/*M!`) and `MySQL` up to this version, except `MySQL` 5.7 to 9.
    MariaDb(u32),
    /// Those of `TiDB` (`/*T!`) and `MySQL`, of any version.
    TiDb,
}

/// Standard SQL, from which the others differ.
const PLAIN: SqlDialect = SqlDialect {
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
/// Also `DuckDB`.
const POSTGRESQL: SqlDialect = SqlDialect { nested: true, dollar: Dollar::Tagged, escapes: true, ..PLAIN };
const MYSQL: SqlDialect = SqlDialect {
    backslash: true,
    quoted_names: false,
    backtick: true,
    hash: true,
    spaced_dashes: true,
    hints: Hints::MariaDb(u32::MAX),
    digits_begin_words: true,
    ..PLAIN
};

/// All dialects. Those that always differ come first.
const DIALECTS: [SqlDialect; 12] = [
    POSTGRESQL,
    MYSQL,
    // SQLite.
    SqlDialect { backtick: true, brackets: Brackets::ToFirst, variables: true, ..PLAIN },
    // SQL Server.
    SqlDialect { brackets: Brackets::Doubled, nested: true, sigils: true, ..PLAIN },
    // Oracle, Trino.
    SqlDialect { alternative: true, ..PLAIN },
    // BigQuery.
    SqlDialect { backslash: true, quoted_names: false, backtick: true, hash: true, triple: true, ..PLAIN },
    // Snowflake.
    SqlDialect { backslash: true, slashes: true, dollar: Dollar::Bare, ..PLAIN },
    // psql, which does not send the data lines of COPY as SQL.
    SqlDialect { only_with: "stdin", copy: true, ..POSTGRESQL },
    // MySQL's client, which does not send such a comment.
    SqlDialect { only_with: "--", leading_dashes: true, ..MYSQL },
    // PostgreSQL with standard_conforming_strings off.
    SqlDialect { only_with: "\\", backslash: true, ..POSTGRESQL },
    // MySQL with ANSI_QUOTES, with NO_BACKSLASH_ESCAPES.
    SqlDialect { only_with: "\\", quoted_names: true, ..MYSQL },
    SqlDialect { only_with: "\\", backslash: false, ..MYSQL },
];

/// Returns the dialects that can differ for a text, and whether the list is complete.
pub(super) fn for_text(text: &str) -> (Vec<SqlDialect>, bool) {
    let lower = text.to_ascii_lowercase();
    let (hints, complete) = hints(text);
    let mut dialects = Vec::with_capacity(DIALECTS.len());
    for dialect in DIALECTS.iter().filter(|dialect| lower.contains(dialect.only_with)) {
        if dialect.hints == Hints::Comments || hints.is_empty() {
            dialects.push(*dialect);
        } else {
            dialects.extend(hints.iter().map(|hints| SqlDialect { hints: *hints, ..*dialect }));
        }
    }
    (dialects, complete)
}

/// The servers that differ in which executable comments they run: one for each version that the text names.
fn hints(text: &str) -> (Vec<Hints>, bool) {
    if !text.contains("/*!") && !text.contains("/*M!") && !text.contains("/*T!") {
        return (Vec::new(), true);
    }
    let mut versions = BTreeSet::from([0]);
    versions.extend(
        text.split("/*").filter_map(|part| part.strip_prefix("M!").or(part.strip_prefix('!'))).filter_map(version),
    );
    let complete = versions.len() <= MAX_VERSIONS;
    // The latest first: it runs the most.
    let latest = versions.into_iter().rev().take(MAX_VERSIONS);
    let hints = latest.flat_map(|version| [Hints::MariaDb(version), Hints::MySql(version)]);
    (hints.chain(text.contains("/*T!").then_some(Hints::TiDb)).collect(), complete)
}

/// Returns the version that an executable comment requires: five or six digits after its mark.
pub(super) fn version(inside: &str) -> Option<u32> {
    inside.get(..version_length(inside)).filter(|digits| !digits.is_empty())?.parse().ok()
}

/// Splits the inside of an executable comment into the letter of its database, if any, and the text after its mark. In
/// `TiDB`, brackets may name the features that the code needs.
pub(super) fn executable(inside: &str) -> Option<(Option<char>, &str)> {
    if let Some(code) = inside.strip_prefix("T!") {
        let features = code.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        return Some((Some('T'), features.map_or(code, |(_, code)| code)));
    }
    let mariadb = inside.strip_prefix("M!").map(|code| (Some('M'), code));
    mariadb.or_else(|| inside.strip_prefix('!').map(|code| (None, code)))
}

/// The length of the version.
pub(super) fn version_length(inside: &str) -> usize {
    match inside.bytes().take(6).take_while(u8::is_ascii_digit).count() {
        length @ (5 | 6) => length,
        _ => 0,
    }
}

/// Returns all dialects.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = SqlDialect> {
    DIALECTS.into_iter()
}

/// Returns the dialect of entries of `statements`.
pub(super) const fn of_entries() -> SqlDialect {
    POSTGRESQL
}

impl Hints {
    /// Whether a comment is code, given the letter of its mark and the version that it requires.
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

impl SqlDialect {
    /// Whether a word may begin with this character. All of non-ASCII counts as letters: PostgreSQL, `MySQL` and
    /// SQLite read bytes.
    pub(super) const fn begins_word(&self, c: char) -> bool {
        c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
    }

    /// Whether a word may contain this character.
    pub(super) const fn is_of_word(&self, c: char) -> bool {
        self.begins_word(c) || c.is_ascii_digit() || c == '$' || self.sigils && matches!(c, '@' | '#')
    }
}
