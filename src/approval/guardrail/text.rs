//! Texts before they are split into tokens, or that cannot be.

use super::dialect::executable;
use super::words;
use crate::unicode::is_hidden;

/// Replaces white space that not every database knows, and returns whether there was none. Databases differ in other
/// white space, control characters and invisible characters.
pub(super) fn plain(text: &str) -> (String, bool) {
    // True for most commands.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n')) {
        return (text.to_owned(), true);
    }
    let mut clean = true;
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => plain.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            _ if c.is_whitespace() || is_hidden(c) => {
                clean = false;
                plain.push(if c == '\r' { '\n' } else { ' ' });
            }
            _ => plain.push(c),
        }
    }
    (plain, clean)
}

/// Whether a later line may be a command of a database client, which executes it before any database sees it: a line
/// that begins like such a command, or like one of Oracle's client after an empty line, which ends a statement there.
/// Comments between statements do not end anything.
pub(super) fn has_client_lines(text: &str) -> bool {
    let (mut begun, mut after_gap, mut first, mut comment) = (false, false, true, false);
    for line in text.lines() {
        let line = line.trim();
        let Some(begins) = line.chars().next() else {
            after_gap |= begun;
            continue;
        };
        let marked = matches!(begins, '.' | '!' | ':' | '/' | '@') || after_gap && begins == '$';
        let oracle = after_gap && is_oracle_command(line);
        if !first && (marked || oracle || is_named_command(line)) && !line.starts_with("/*") {
            return true;
        }
        first = false;
        if !begun && (comment || line.starts_with("--") || line.starts_with("/*")) {
            // The line is only a comment if the comment ends with it.
            let ends = line.find("*/");
            begun = !line.starts_with("--") && ends.is_some_and(|end| end + 2 < line.len());
            comment = (comment || line.starts_with("/*")) && ends.is_none();
        } else {
            begun = !line.ends_with(';');
        }
    }
    false
}

/// Whether a line is a command of `mysql` that executes or writes something. With `--named-commands` the client
/// accepts it in the middle of a statement, too.
fn is_named_command(line: &str) -> bool {
    let Some((name, argument)) = line.split_once([' ', '\t']) else { return false };
    let named = ["delimiter", "pager", "source", "system", "tee"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let argument = argument.trim_start().to_ascii_lowercase();
    // A column of that name, in a list or a condition.
    let column = argument.starts_with("as ") || argument.starts_with(['=', '<', '>', ',', ')']) || line.ends_with(',');
    named && !column
}

/// Commands of SQL*Plus that affect more than its own display, and the shortest abbreviation of each in letters
/// (SQL*Plus User's Guide and Reference, "SQL*Plus Command Reference"). Commands that only edit the statement run
/// nothing without one of these. The list also has statements that only Oracle knows.
const ORACLE_COMMANDS: [(&str, usize); 29] = [
    ("administer", 10),
    ("archive", 4),
    ("associate", 9),
    ("audit", 5),
    ("connect", 4),
    ("copy", 4),
    ("define", 3),
    ("disassociate", 12),
    ("edit", 2),
    ("execute", 4),
    ("exit", 4),
    ("flashback", 9),
    ("get", 3),
    ("host", 2),
    ("noaudit", 7),
    ("password", 5),
    ("purge", 5),
    ("quit", 4),
    ("recover", 4),
    ("run", 1),
    ("save", 3),
    ("set", 3),
    ("shutdown", 4),
    ("spool", 3),
    ("start", 3),
    ("startup", 5),
    ("store", 4),
    ("undefine", 5),
    ("whenever", 5),
];

/// Whether a line is a command of SQL*Plus, or begins a statement other than a query, and is not the name of a column
/// or table.
fn is_oracle_command(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let (word, after) = line.split_at(line.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(line.len()));
    let is_name = after.starts_with(|c: char| c.is_ascii_digit() || "_.,=<>)".contains(c));
    let is_command = |(command, least): &(&str, usize)| word.len() >= *least && command.starts_with(word);
    let begins = words::begins_sql(word) && !matches!(word, "end" | "fetch" | "select" | "values" | "with");
    !is_name && (begins || ORACLE_COMMANDS.iter().any(is_command))
}

/// Returns the words of a text that cannot be read, in four ways: all of them, those outside of comments (with and
/// without nesting), and those with comments as code.
pub(super) fn rough_words(text: &str) -> [Vec<String>; 4] {
    let words = |text: &str| {
        let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')));
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    [words(text), words(&without_comments(text)), words(&without_nested(text)), words(&without_marks(text))]
}

/// Removes the marks of comments: some databases read `drop /*!50000 table */` as `drop table`.
fn without_marks(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (number, part) in text.replace("*/", " ").split("/*").enumerate() {
        let code = executable(part).map(|(_, code)| code.trim_start_matches(|c: char| c.is_ascii_digit()));
        kept.push_str(if number == 0 { "" } else { " " });
        kept.push_str(code.unwrap_or(part));
    }
    kept
}

/// Removes comments, where a comment in a comment is part of it, as in PostgreSQL.
fn without_nested(text: &str) -> String {
    let (mut kept, mut depth, mut rest) = (String::with_capacity(text.len()), 0_usize, text);
    while let Some(at) = rest.find(['/', '*']) {
        let (before, from) = rest.split_at(at);
        if depth == 0 {
            kept.push_str(before);
        }
        let (step, mark) = match from.get(..2) {
            Some("/*") => (2, 1_isize),
            Some("*/") if depth > 0 => (2, -1),
            _ => (1, 0),
        };
        depth = depth.saturating_add_signed(mark);
        if depth == 0 {
            kept.push(' ');
        }
        rest = from.get(step..).unwrap_or_default();
    }
    if depth == 0 {
        kept.push_str(rest);
    }
    without_comments(&kept)
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '-', '#']) {
        let (before, from) = rest.split_at(at);
        kept.push_str(before);
        let (skipped, end) = if from.starts_with("/*") {
            (2, "*/")
        } else if from.starts_with("--") || from.starts_with('#') {
            (1, "\n")
        } else {
            kept.push(' ');
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        kept.push(' ');
        let inside = from.get(skipped..).unwrap_or_default();
        rest = inside.split_once(end).map_or("", |(_, rest)| rest);
    }
    kept.push_str(rest);
    kept
}
