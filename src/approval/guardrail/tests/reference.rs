//! A second, slower reading of SQL, made from the databases' manuals: what a database runs must never be hidden from the rules.

use proptest::prelude::*;

use super::*;

/// How one database reads.
#[derive(Debug, Clone, Copy, Default)]
struct Database {
    backslash: bool,
    backslash_in_double: bool,
    backtick: bool,
    bracket: bool,
    doubled_bracket: bool,
    hash: bool,
    hints: bool,
    nested: bool,
    dollar: bool,
}

const DATABASES: [Database; 9] = [
    // PostgreSQL, and with standard_conforming_strings off.
    Database { nested: true, dollar: true, ..NONE },
    Database { nested: true, dollar: true, backslash: true, ..NONE },
    // MySQL: as it comes, older than its hints, ANSI_QUOTES, NO_BACKSLASH_ESCAPES.
    Database { backslash: true, backslash_in_double: true, backtick: true, hash: true, hints: true, ..NONE },
    Database { backslash: true, backslash_in_double: true, backtick: true, hash: true, ..NONE },
    Database { backslash: true, backtick: true, hash: true, hints: true, ..NONE },
    Database { backtick: true, hash: true, hints: true, ..NONE },
    // SQLite, SQL Server, anything plain.
    Database { backtick: true, bracket: true, ..NONE },
    Database { bracket: true, doubled_bracket: true, nested: true, ..NONE },
    NONE,
];

const NONE: Database = Database {
    backslash: false,
    backslash_in_double: false,
    backtick: false,
    bracket: false,
    doubled_bracket: false,
    hash: false,
    hints: false,
    nested: false,
    dollar: false,
};

/// What is code in a text, with `?` for what is quoted; nothing when a quote or comment does not end, which no database runs.
fn code(text: &str, db: Database) -> Option<String> {
    let mut code = String::new();
    let mut rest = text;
    let mut in_hint = false;
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let after_word = code.chars().next_back().is_some_and(|c| word(c) || db.dollar && c == '$');
        let escapes = db.dollar && code.ends_with(['e', 'E']) && !code.chars().rev().nth(1).is_some_and(word);
        let skip = if c == '\'' {
            quoted(rest, '\'', db.backslash || escapes, true)?
        } else if c == '"' {
            quoted(rest, '"', db.backslash_in_double, true)?
        } else if c == '`' && db.backtick {
            quoted(rest, '`', false, true)?
        } else if c == '[' && db.bracket {
            quoted(rest, ']', false, db.doubled_bracket)?
        } else if c == '$' && db.dollar && !after_word && dollars(rest).is_some() {
            dollars(rest).unwrap()?
        } else if rest.starts_with("--") && (!db.hash || rest[2..].starts_with([' ', '\t', '\n']))
            || c == '#' && db.hash
        {
            code.push(' ');
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        } else if rest.starts_with("/*!") && db.hints && !in_hint {
            in_hint = true;
            code.push(' ');
            rest = rest[3..].trim_start_matches(|c: char| c.is_ascii_digit());
            continue;
        } else if rest.starts_with("*/") && in_hint {
            in_hint = false;
            code.push(' ');
            rest = &rest[2..];
            continue;
        } else if rest.starts_with("/*") {
            code.push(' ');
            rest = &rest[comment(rest, db.nested)?..];
            continue;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push('?');
        rest = &rest[skip..];
    }
    (!in_hint).then_some(code)
}

/// The length of a quoted text; an opening bracket ends with another character than it begins with.
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
    let name = tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_ascii_digit());
    let mark = format!("${tag}$");
    name.then(|| text[mark.len()..].find(&mark).map(|at| at + 2 * mark.len()))
}

fn comment(text: &str, nested: bool) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let rest = text.get(at..)?;
        if rest.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
        } else if rest.starts_with("/*") && nested {
            (at, depth) = (at + 2, depth + 1);
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
    Some(at)
}

#[test]
fn the_reference_reads_as_the_manuals_say() {
    let [postgresql, _, mysql, ..] = DATABASES;
    assert_eq!(code("a /* /* */ */ 'b''c' $x$ ' $x$ d", postgresql).as_deref(), Some("a   ? ? d"));
    assert_eq!(code("a E'\\'' '\\'", postgresql).as_deref(), Some("a E? ?"));
    assert_eq!(code("a '\\'' # '\n/*!50000 b*/ --'c'", mysql).as_deref(), Some("a ?  \n  b  --?"));
    assert_eq!(code("a ' b", postgresql), None);
}

fn marks() -> impl Strategy<Value = String> {
    let mark = prop::sample::select(vec![
        "'", "'", "\"", "`", "[", "]", "\\", "$$", "$a$", "/*", "*/", "--", "-- ", "#", "\n", ";", "/*!", "E'", "x'",
        " ", "@@", "|", "+", "<", "*", "/", "?", "@", "%", "~", "-", "!", "&", "1", ".", "a", "N'", "U&'", "b'",
    ]);
    prop::collection::vec(mark, 0..14).prop_map(|marks| marks.concat())
}

proptest! {
    #[test]
    fn what_any_database_runs_is_seen(before in marks(), after in marks()) {
        let text = format!("{before} DROP TABLE t {after}");
        for db in DATABASES {
            let runs = code(&text, db).is_some_and(|code| code.contains(" DROP TABLE t "));
            if runs {
                prop_assert_eq!(verdict(&USUAL, &text, Some("sql")), "denied", "{:?} in {:?}", text, db);
            }
        }
    }

    #[test]
    fn what_any_database_runs_is_never_allowed(before in marks(), after in marks()) {
        let text = format!("SELECT {before}; VACUUM t {after}");
        for db in DATABASES {
            if code(&text, db).is_some_and(|code| code.contains("; VACUUM t ")) {
                prop_assert_ne!(verdict(&USUAL, &text, Some("sql")), "allowed", "{:?} in {:?}", text, db);
            }
        }
    }
}
