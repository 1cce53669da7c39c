//! A second, slower scanner of SQL, written from the databases' manuals: code that a database runs must never be
//! hidden from the rules.

use proptest::prelude::*;

use super::*;

/// How one database reads SQL.
#[derive(Debug, Clone, Copy, Default)]
struct Database {
    backslash: bool,
    backslash_in_double: bool,
    backtick: bool,
    bracket: bool,
    doubled_bracket: bool,
    hash: bool,
    /// Executable comments: whether it is `MariaDB`, and its version.
    hints: Option<(bool, u32)>,
    nested: bool,
    dollar: bool,
    /// `$x(…)` is one word.
    variables: bool,
    /// `//` begins a comment, and `$$` a string.
    snowflake: bool,
}

const DATABASES: [Database; 12] = [
    // PostgreSQL, and with standard_conforming_strings off.
    Database { nested: true, dollar: true, ..NONE },
    Database { nested: true, dollar: true, backslash: true, ..NONE },
    // MySQL: default, older than its executable comments, ANSI_QUOTES, NO_BACKSLASH_ESCAPES; MariaDB of two versions.
    MYSQL,
    Database { hints: Some((false, 30_000)), ..MYSQL },
    Database { backslash_in_double: false, ..MYSQL },
    Database { backslash: false, backslash_in_double: false, ..MYSQL },
    Database { hints: Some((true, 101_100)), ..MYSQL },
    Database { hints: Some((true, 50_100)), ..MYSQL },
    // SQLite, SQL Server, Snowflake, standard SQL.
    Database { backtick: true, bracket: true, variables: true, ..NONE },
    Database { bracket: true, doubled_bracket: true, nested: true, ..NONE },
    Database { backslash: true, snowflake: true, ..NONE },
    NONE,
];

const MYSQL: Database = Database {
    backslash: true,
    backslash_in_double: true,
    backtick: true,
    hash: true,
    hints: Some((false, 80_400)),
    ..NONE
};

const NONE: Database = Database {
    backslash: false,
    backslash_in_double: false,
    backtick: false,
    bracket: false,
    doubled_bracket: false,
    hash: false,
    hints: None,
    nested: false,
    dollar: false,
    variables: false,
    snowflake: false,
};

/// Returns the code in a text, with `?` for each quoted text. If a quote or comment is unterminated, a database runs
/// the statements before it.
fn code(text: &str, db: Database) -> String {
    let mut code = String::new();
    let ended = read(text, db, &mut code);
    if ended.is_none() {
        code.truncate(code.rfind(';').map_or(0, |at| at + 1));
    }
    code
}

fn read(text: &str, db: Database, code: &mut String) -> Option<()> {
    let mut rest = text;
    let mut in_hint = false;
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
        let after_word = code.chars().next_back().is_some_and(|c| word(c) || (db.dollar || db.snowflake) && c == '$');
        let escapes = db.dollar && code.ends_with(['e', 'E']) && !code.chars().rev().nth(1).is_some_and(word);
        let skip = if c == '\'' {
            quoted(rest, '\'', db.backslash || escapes, true)?
        } else if c == '"' {
            quoted(rest, '"', db.backslash_in_double, true)?
        } else if c == '`' && db.backtick {
            quoted(rest, '`', false, true)?
        } else if c == '[' && db.bracket {
            quoted(rest, ']', false, db.doubled_bracket)?
        } else if matches!(c, '$' | ':' | '@' | '#') && db.variables && !code.ends_with(':') && variable(rest).is_some()
        {
            variable(rest)?
        } else if c == '$' && db.dollar && !after_word && dollars(rest).is_some() {
            dollars(rest)??
        } else if rest.starts_with("$$") && db.snowflake && !after_word {
            rest[2..].find("$$")? + 4
        } else if rest.starts_with("--") && (!db.hash || rest.len() == 2 || rest[2..].starts_with([' ', '\t', '\n']))
            || c == '#' && db.hash
            || rest.starts_with("//") && db.snowflake
        {
            code.push(' ');
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        } else if let Some((runs, mark)) = hint(rest, db) {
            code.push(' ');
            rest = &rest[if runs { mark } else { comment(rest, 1)? }..];
            in_hint |= runs;
            continue;
        } else if rest.starts_with("*/") && in_hint {
            in_hint = false;
            code.push(' ');
            rest = &rest[2..];
            continue;
        } else if rest.starts_with("/*") {
            code.push(' ');
            rest = &rest[comment(rest, if db.nested { usize::MAX } else { 0 })?..];
            continue;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push('?');
        rest = &rest[skip..];
    }
    (!in_hint).then_some(())
}

/// Whether the executable comment at the beginning of a text runs, and the length of its mark.
fn hint(text: &str, db: Database) -> Option<(bool, usize)> {
    let (mariadb, server) = db.hints?;
    let inside = text.strip_prefix("/*!").or_else(|| text.strip_prefix("/*M!").filter(|_| mariadb))?;
    let own = text.starts_with("/*M");
    let digits = inside.chars().take(6).take_while(char::is_ascii_digit).count();
    let mark = text.len() - inside.len();
    if digits < 5 {
        return Some((true, mark));
    }
    let version: u32 = inside[..digits].parse().unwrap();
    let foreign = mariadb && !own && (50_700..100_000).contains(&version);
    Some((version <= server && !foreign, mark + digits))
}

/// The length of a SQLite variable with a suffix in parentheses.
fn variable(text: &str) -> Option<usize> {
    let (name, suffix) = text[1..].split_once('(')?;
    let parts = name.replace("::", "");
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii();
    let end = suffix.find(|c: char| c == ')' || c.is_ascii_whitespace())?;
    let whole = !parts.is_empty() && parts.chars().all(word) && suffix[end..].starts_with(')');
    whole.then_some(1 + name.len() + 1 + end + 1)
}

/// The length of a quoted text. Brackets begin and end with different characters.
fn quoted(text: &str, end: char, backslash: bool, doubled: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next()?;
        } else if c == end {
            if doubled && chars.peek().is_some_and(|(_, next)| *next == end) {
                chars.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

/// The length of a dollar-quoted text, if it begins as one.
fn dollars(text: &str) -> Option<Option<usize>> {
    let tag = text[1..].split('$').next().filter(|tag| tag.len() + 1 < text.len())?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let name = tag.chars().all(word) && !tag.starts_with(|c: char| c.is_ascii_digit());
    let mark = format!("${tag}$");
    name.then(|| text[mark.len()..].find(&mark).map(|at| at + 2 * mark.len()))
}

/// The length of a comment, in which comments may nest up to the depth `most`.
fn comment(text: &str, most: usize) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let rest = text.get(at..)?;
        if rest.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
        } else if rest.starts_with("/*") && depth <= most {
            (at, depth) = (at + 2, depth + 1);
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
    Some(at)
}

#[test]
fn the_reference_reads_as_the_manuals_say() {
    let [postgresql, .., sqlite, _, _, _] = DATABASES;
    assert_eq!(code("a /* /* */ */ 'b''c' $x$ ' $x$ d", postgresql), "a   ? ? d");
    assert_eq!(code("a E'\\'' '\\' $→$ ' $→$", postgresql), "a E? ? ?");
    assert_eq!(code("a '\\'' # '\n/*!50000 b*/ --'c'", MYSQL), "a ?  \n  b  --?");
    assert_eq!(code("/*! a # */ '\n*/ /*!99999 ' */ b", MYSQL), "  a  \n    b");
    assert_eq!(code("a; b ' c", postgresql), "a;");
    assert_eq!(code("a $x::y(') :('')", sqlite), "a ? :(?)");
}

fn marks() -> impl Strategy<Value = String> {
    let mark = prop::sample::select(vec![
        "'",
        "'",
        "\"",
        "`",
        "[",
        "]",
        "\\",
        "$$",
        "$a$",
        "/*",
        "*/",
        "--",
        "-- ",
        "#",
        "\n",
        ";",
        "/*!",
        "E'",
        "x'",
        " ",
        "@@",
        "|",
        "+",
        "<",
        "*",
        "/",
        "?",
        "@",
        "%",
        "~",
        "-",
        "!",
        "&",
        "1",
        ".",
        "a",
        "N'",
        "U&'",
        "b'",
        "//",
        "$→$",
        "$x(",
        ":x(",
        "#x(",
        ")",
        "::",
        "/*M!",
        "/*!50000 ",
        "/*!99999 ",
        "/*M!100000 ",
    ]);
    prop::collection::vec(mark, 0..14).prop_map(|marks| marks.concat())
}

proptest! {
    #[test]
    fn code_that_any_database_runs_is_found(before in marks(), after in marks()) {
        let text = format!("{before} DROP TABLE t {after}");
        for db in DATABASES {
            if code(&text, db).contains(" DROP TABLE t ") {
                prop_assert_eq!(verdict(&USUAL, &text, Some("sql")), "denied", "{:?} in {:?}", text, db);
            }
        }
    }

    #[test]
    fn code_that_any_database_runs_is_never_allowed(before in marks(), after in marks()) {
        let text = format!("SELECT {before}; VACUUM t {after}");
        for db in DATABASES {
            if code(&text, db).contains("; VACUUM t ") {
                prop_assert_ne!(verdict(&USUAL, &text, Some("sql")), "allowed", "{:?} in {:?}", text, db);
            }
        }
    }
}
