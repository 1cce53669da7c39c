//! Finds the parts of a statement that an allowing rule must cover separately: another statement, since SQL Server
//! needs no semicolon, or a clause that makes a query do more than read.

use super::words;

/// Returns the number of the first word of each part. The first part begins after leading parentheses.
pub(super) fn beginnings(words: &[String]) -> Vec<usize> {
    let first = words.iter().position(|word| word != "(").unwrap_or(0);
    let mut beginnings = vec![first];
    let mut head = first;
    for at in first + 1..words.len() {
        let own_into = word(words, at) == "into" && takes_into(word(words, head));
        let queries = matches!(word(words, head), "select" | "values" | "with");
        if begins(words, at) && !own_into || is_handed_rows(words, at) || queries && follows_query(words, at) {
            beginnings.push(at);
            head = at;
        } else if own_into {
            // The next `into` belongs to another clause.
            head = at;
        }
    }
    beginnings
}

/// Whether a statement executes a text as code, judged by its words.
pub(super) fn runs_text(words: &[String]) -> bool {
    let runs =
        |(at, word): (usize, &String)| words::runs_text(word) && !(words::begins_statement(word) && is_name(words, at));
    words.iter().enumerate().any(runs)
        || words.first().is_some_and(|word| word == "do")
        || words.iter().any(|word| matches!(word.as_str(), "create" | "alter" | "replace"))
            && words.iter().any(|word| words::has_code(word))
}

fn word(words: &[String], at: usize) -> &str {
    words.get(at).map_or("", String::as_str)
}

fn before(words: &[String], at: usize) -> &str {
    at.checked_sub(1).map_or("", |at| word(words, at))
}

fn begins(words: &[String], at: usize) -> bool {
    let (this, next) = (word(words, at), word(words, at + 1));
    if is_lock_hint(words, at) || takes_number(words, at) {
        return true;
    }
    if is_name(words, at) {
        return false;
    }
    match this {
        "into" => true,
        "for" => next == "share" || next == "key" && word(words, at + 2) == "share",
        "lock" => next == "in" && word(words, at + 2) == "share",
        // `use index` and `use key` are no statements.
        "use" if matches!(next, "index" | "key") => false,
        "create" if shows_definition(words, at) => false,
        _ => words::begins_statement(this) && (next != "(" || this.starts_with("exec")),
    }
}

/// Whether a statement begins after Snowflake's `->>`, which passes it the rows of the previous one.
fn is_handed_rows(words: &[String], at: usize) -> bool {
    let this = word(words, at);
    let begins = words::begins_sql(this) && !matches!(this, "select" | "show" | "with");
    before(words, at) == "->>" && (begins || matches!(this, "get" | "put" | "remove" | "rm" | "undrop"))
}

/// Whether another statement of SQL Server begins after a query, with a word that is ordinary elsewhere.
fn follows_query(words: &[String], at: usize) -> bool {
    let this = word(words, at);
    let begins = matches!(
        this,
        "commit"
            | "receive"
            | "revert"
            | "rollback"
            | "save"
            | "send"
            | "set"
            | "setuser"
            | "updatetext"
            | "waitfor"
            | "writetext"
    );
    begins && word(words, at + 1) != "(" && before(words, at) != "character" && !is_name(words, at)
}

/// Whether `into` is part of a statement that begins with this word.
fn takes_into(head: &str) -> bool {
    matches!(head, "insert" | "replace" | "merge" | "upsert" | "copy" | "load" | "fetch" | "import")
}

/// Whether a word is a lock hint of SQL Server: `from t with (updlock)`. Commas between hints are optional.
fn is_lock_hint(words: &[String], at: usize) -> bool {
    let is_hint = |word: &str| {
        word.ends_with("lock") || matches!(word, "nowait" | "readpast" | "repeatableread" | "serializable" | "tablockx")
    };
    matches!(
        word(words, at),
        "holdlock" | "repeatableread" | "serializable" | "tablock" | "tablockx" | "updlock" | "xlock"
    ) && (matches!(before(words, at), "(" | ",") || is_hint(before(words, at)))
        && (matches!(word(words, at + 1), ")" | ",") || is_hint(word(words, at + 1)))
}

/// Whether a number is taken from a sequence: `next value for s` in the standard, `s.nextval` in Oracle and Snowflake.
fn takes_number(words: &[String], at: usize) -> bool {
    match word(words, at) {
        "next" => word(words, at + 1) == "value" && word(words, at + 2) == "for",
        "nextval" => before(words, at) == ".",
        _ => false,
    }
}

/// Whether a word can only be a name, because of its neighbours: after a dot, a comma or the `as` of a query, or
/// before a word that cannot follow in a statement.
fn is_name(words: &[String], at: usize) -> bool {
    // A client's line, which ends a batch.
    if word(words, at) == "go" {
        return false;
    }
    let earlier = words.get(..at).unwrap_or_default();
    match before(words, at) {
        "." | "," => true,
        _ if is_column(words, at) => true,
        "as" => {
            let first = earlier.iter().find(|word| *word != "(").map_or("", String::as_str);
            matches!(first, "select" | "with" | "values" | "table" | "explain")
                && !earlier
                    .iter()
                    .any(|word| matches!(word.as_str(), "create" | "alter" | "declare" | "begin" | "exec" | "execute"))
        }
        _ => false,
    }
}

/// Whether a word that needs an argument as a statement has none: `where enable = true`, `select copy from t`, `order
/// by kill`.
fn is_column(words: &[String], at: usize) -> bool {
    let is_complete = matches!(word(words, at), "commit" | "revert" | "rollback" | "setuser");
    let needs_more = matches!(
        word(words, at),
        "call"
            | "copy"
            | "deny"
            | "disable"
            | "enable"
            | "kill"
            | "receive"
            | "save"
            | "send"
            | "set"
            | "updatetext"
            | "use"
            | "waitfor"
            | "writetext"
    );
    let Some(next) = words.get(at + 1).map(String::as_str) else { return needs_more };
    (needs_more || is_complete)
        && matches!(
            next,
            ")" | ","
                | "="
                | "<"
                | ">"
                | "<="
                | ">="
                | "<>"
                | "!="
                | "and"
                | "asc"
                | "between"
                | "desc"
                | "else"
                | "end"
                | "from"
                | "group"
                | "having"
                | "in"
                | "is"
                | "like"
                | "not"
                | "or"
                | "order"
                | "then"
                | "union"
                | "when"
                | "where"
        )
}

/// Whether the whole statement is `show create table a.b`. Only kinds whose creation needs more than a name are
/// listed: to SQL Server `show` may be a procedure, but then it refuses the rest.
fn shows_definition(words: &[String], at: usize) -> bool {
    let kind = word(words, at + 1);
    // In dialects without these quotes they are separate tokens, and the statement is refused.
    let quote = |word: &&String| !matches!(word.as_str(), "`" | "[" | "]");
    let name: Vec<&String> = words.iter().skip(at + 2).filter(quote).collect();
    let is_name = name.iter().enumerate().all(|(place, word)| (*word == ".") == (place % 2 == 1));
    at == 1
        && before(words, at) == "show"
        && matches!(kind, "table" | "view" | "procedure" | "function" | "trigger" | "event")
        && is_name
        && name.len() % 2 == 1
}
