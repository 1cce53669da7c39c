//! Whether a text that begins with a word of SQL is a script in another language: `set -e`, and `psql -c '…'` on the
//! next line.
//!
//! Some words of SQL also begin commands of shells, build files or other languages. The text after such a word must
//! look like SQL: no options, no shell operators, and no later line that begins like the call of a program. After
//! other words of SQL such a line must also have an option or an operator to count as a script.

use super::words;

/// Whether some statement of a text is more likely a line of a script than SQL.
pub(super) fn is_likely(text: &str) -> bool {
    let tokens = tokens(text);
    tokens.split(|token| token.depth == 0 && token.is(";")).any(is_script)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    Word,
    Mark,
    Quoted,
}

#[derive(Debug, Clone, Copy)]
struct ScriptToken<'a> {
    text: &'a str,
    kind: TokenKind,
    /// First token of its line.
    begins_line: bool,
    /// After white space.
    spaced: bool,
    /// Number of open parentheses around it.
    depth: u32,
}

impl ScriptToken<'_> {
    fn is(&self, text: &str) -> bool {
        self.kind != TokenKind::Quoted && self.text.eq_ignore_ascii_case(text)
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// Words of SQL that may also begin a command of a script.
#[rustfmt::skip]
const SHARED: &[&str] = &[
    "abort", "analyze", "attach", "backup", "begin", "call", "checkpoint", "cluster", "comment", "commit", "copy",
    "deallocate", "declare", "deny", "desc", "describe", "detach", "discard", "do", "end", "exec", "execute", "fetch",
    "go", "grant", "load", "lock", "notify", "optimize", "pragma", "refresh", "reindex", "release", "rename", "reset",
    "restore", "revoke", "rollback", "savepoint", "set", "show", "start", "table", "truncate", "unlisten", "unlock",
    "use", "vacuum",
];

/// Those of them that SQL operators may follow directly.
const QUERYING: &[&str] = &["analyze", "begin", "desc", "describe", "exec", "execute", "show"];

/// Words that begin a query, in which operators are ordinary.
const QUERIES: &[&str] = &["explain", "select", "values", "with"];

/// Words that begin a line in the middle of a statement, or a statement of a database's programming language.
#[rustfmt::skip]
const CONTINUE: &[&str] = &[
    "add", "all", "alter", "and", "as", "asc", "asof", "at", "begin", "between", "by", "cascade", "case", "character",
    "check", "collate", "column", "columns", "comment", "commit", "connect", "constraint", "continue", "create",
    "cross", "cursor", "declare", "default", "delete", "desc", "distinct", "div", "do", "drop", "else", "elseif",
    "elsif", "enclosed", "end", "engine", "escaped", "except", "exception", "exec", "execute", "exists", "exit",
    "fetch", "fields", "filter", "for", "force", "foreign", "format", "from", "full", "global", "go", "grant",
    "group", "having", "identified", "if", "ignore", "ilike", "in", "inner", "insert", "intersect", "into", "is",
    "isolation", "join", "key", "language", "lateral", "left", "level", "like", "limit", "lines", "local", "loop",
    "match", "materialized", "merge", "minus", "mod", "mode", "modify", "natural", "no", "not", "null", "nulls",
    "offset", "on", "option", "optionally", "or", "order", "outer", "over", "owner", "partition", "perform", "pivot",
    "primary", "print", "prior", "qualify", "raise", "read", "recursive", "references", "regexp", "rename", "replace",
    "restart", "restrict", "return", "returning", "returns", "reuse", "revoke", "right", "rlike", "rollback",
    "sample", "select", "session", "set", "similar", "start", "starting", "straight_join", "tablesample",
    "tablespace", "terminated", "then", "throw", "to", "transaction", "truncate", "type", "union", "unique",
    "unpivot", "update", "use", "using", "values", "view", "when", "where", "while", "window", "with", "within",
    "work", "write", "xor",
];

/// Words that need a continuation, perhaps on the next line.
#[rustfmt::skip]
const WANT: &[&str] = &[
    "all", "and", "as", "between", "by", "case", "concurrently", "cursor", "database", "distinct", "else", "for",
    "from", "having", "in", "index", "into", "is", "isolation", "join", "level", "like", "limit", "materialized",
    "not", "on", "only", "or", "role", "schema", "select", "set", "table", "then", "to", "transaction", "user",
    "using", "values", "verbose", "view", "when", "where",
];

/// Whether a statement is one or more lines of a script.
fn is_script(statement: &[ScriptToken<'_>]) -> bool {
    let Some((first, rest)) = statement.split_first() else { return false };
    let Some(second) = rest.first() else { return false };
    // A target of a build file, or a key.
    if first.kind != TokenKind::Word
        || second.is(":") && !second.spaced && !rest.get(1).is_some_and(|next| next.is_one_of(&[":", "="]))
    {
        return first.kind == TokenKind::Word;
    }
    let is_menu = first.is("select") && second.kind == TokenKind::Word && rest.get(1).is_some_and(|word| word.is("in"));
    let is_block_of_python = || on_first_line(rest, |token, next| token.is(":") && next.is_none_or(|next| next.spaced));
    if goes_on_as_command(first, rest)
        || is_menu && rest.get(2).is_some_and(|next| !next.is("("))
        || first.is("with") && is_block_of_python()
    {
        return true;
    }
    // A variable of a database.
    if second.is("@") {
        return false;
    }
    let clearly = |at| calls_program(statement, at) && acts_in_line(statement.get(at..).unwrap_or_default(), first);
    if !first.is_one_of(SHARED) {
        return words::begins_sql(&first.text.to_lowercase())
            && (!first.is("select") && is_option(rest) || (1..statement.len()).any(clearly));
    }
    let acts = !first.is_one_of(QUERYING) && on_first_line(rest, is_operator);
    acts || is_option(rest) || (1..statement.len()).any(|at| calls_program(statement, at))
}

/// Whether a word of SQL only begins the name of a command, an assignment, or a command with an operator:
/// `update-grub`, `start.sh`, `values=(a b)`, `update && …`, `copy /y`, `go build`.
fn goes_on_as_command(first: &ScriptToken<'_>, rest: &[ScriptToken<'_>]) -> bool {
    let Some((second, following)) = rest.split_first() else { return false };
    if !words::begins_sql(&first.text.to_lowercase()) || second.begins_line {
        return false;
    }
    let third = following.first().filter(|third| !third.spaced && !third.begins_line);
    let begins =
        |is: fn(char) -> bool| third.is_some_and(|third| third.kind == TokenKind::Word && third.text.starts_with(is));
    let attached = !second.spaced
        && (second.is_one_of(&["/", "="])
            || second.is(".") && begins(|c| !c.is_ascii_digit())
            || second.is("-") && begins(|c| !c.is_ascii_digit()) && !first.is("select"));
    let operator = second.is_one_of(&["|", "&", "<", ">", "/"]);
    attached || operator || first.is("go") && !second.text.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a line calls a program, as an option shows or, outside of queries, a shell operator.
fn acts_in_line(from: &[ScriptToken<'_>], first: &ScriptToken<'_>) -> bool {
    let length = from.iter().skip(1).position(|token| token.begins_line).map_or(from.len(), |at| at + 1);
    let line = from.get(..length).unwrap_or_default();
    let named = |at: usize| line.get(at + 1).is_some_and(|token| !token.text.starts_with(|c: char| c.is_ascii_digit()));
    let option = |at: usize| line.get(at..).is_some_and(is_option) && named(at);
    (1..line.len()).any(option)
        || !first.is_one_of(QUERIES)
            && line.iter().zip(line.iter().skip(1)).any(|(token, next)| is_operator(token, Some(next)))
}

/// Whether an option of a program begins here: `-e`, `+x`, `--`.
fn is_option(tokens: &[ScriptToken<'_>]) -> bool {
    let [sign, following, ..] = tokens else { return false };
    sign.spaced
        && sign.is_one_of(&["-", "+"])
        && !following.spaced
        && (following.kind == TokenKind::Word || following.is("-"))
}

/// Whether a condition is true for a token on the first line, outside of parentheses. `rest` has no first token.
fn on_first_line<'a>(
    rest: &[ScriptToken<'a>],
    is_met: impl Fn(&ScriptToken<'a>, Option<&ScriptToken<'a>>) -> bool,
) -> bool {
    let line = rest.split(|token| token.begins_line).next().unwrap_or_default();
    let pairs = line.iter().zip(rest.iter().skip(1).map(Some).chain([None]));
    pairs.filter(|(token, _)| token.depth == 0).any(|(token, next)| is_met(token, next))
}

/// Whether a token is a shell operator.
fn is_operator(token: &ScriptToken<'_>, next: Option<&ScriptToken<'_>>) -> bool {
    token.is_one_of(&["|", "&", "<", ">"]) || token.is("$") && next.is_some_and(|next| next.is_one_of(&["(", "{"]))
}

/// Whether a line begins here like the call of a program, and the text before it is complete.
fn calls_program(statement: &[ScriptToken<'_>], at: usize) -> bool {
    let (Some(before), Some(token)) = (at.checked_sub(1).and_then(|at| statement.get(at)), statement.get(at)) else {
        return false;
    };
    if !token.begins_line || token.depth > 0 || (at > 1 && before.is_one_of(WANT)) || !is_complete(before) {
        return false;
    }
    let following = statement.get(at + 1..).unwrap_or_default();
    match token.kind {
        TokenKind::Quoted => true,
        TokenKind::Mark if token.is("(") => {
            let listed =
                statement.first().is_some_and(|first| first.is_one_of(&["call", "copy", "exec", "execute", "load"]));
            !listed || is_option(following.get(1..).unwrap_or_default())
        }
        TokenKind::Mark => token.is_one_of(&[".", "/", "$", "{", "[", "!", "~"]),
        TokenKind::Word if token.is_one_of(CONTINUE) => false,
        // A block of a database's programming language: declarations and calls of procedures.
        TokenKind::Word if at == 1 && before.is_one_of(&["begin", "declare"]) => {
            is_option(following) || following.first().is_some_and(|next| next.kind == TokenKind::Quoted)
        }
        TokenKind::Word => !is_called(following),
    }
}

fn is_complete(token: &ScriptToken<'_>) -> bool {
    token.kind != TokenKind::Mark || token.is_one_of(&[")", "]", "}"])
}

/// Whether a name continues like a procedure's, a variable's or one in a list: `.put_line(`, `:=`, `,`.
fn is_called(following: &[ScriptToken<'_>]) -> bool {
    let name_goes_on = |token: &&ScriptToken<'_>| !token.spaced && (token.is(".") || token.kind == TokenKind::Word);
    match following.iter().find(|token| !name_goes_on(token)) {
        Some(next) => next.is(",") || next.is("(") && !next.spaced || next.is(":"),
        None => false,
    }
}

/// Splits a text into words, marks and quoted texts, without comments. This is only an approximation: a quote that is
/// unknown here looks like words, and so rather like a script.
fn tokens(text: &str) -> Vec<ScriptToken<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut begins_line, mut spaced, mut depth) = (text, true, true, 0_u32);
    while let Some(c) = rest.chars().next() {
        let comment = comment(rest, begins_line, tokens.last());
        if c.is_whitespace() || comment > 0 {
            begins_line |= c == '\n';
            spaced = true;
            rest = rest.get(comment.max(c.len_utf8())..).unwrap_or_default();
            continue;
        }
        let word = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
        let (kind, length) = if let Some(length) = quoted(rest) {
            (TokenKind::Quoted, length)
        } else if word(c) {
            (TokenKind::Word, rest.find(|c| !word(c)).unwrap_or(rest.len()))
        } else {
            (TokenKind::Mark, c.len_utf8())
        };
        let (token, after) = rest.split_at(length);
        depth = depth.saturating_sub(u32::from(c == ')'));
        tokens.push(ScriptToken { text: token, kind, begins_line, spaced, depth });
        depth = depth.saturating_add(u32::from(c == '('));
        (rest, begins_line, spaced) = (after, false, false);
    }
    tokens
}

/// Returns the length of a comment, if one begins here. `set --` is not a comment, but a command of shells.
fn comment(rest: &str, begins_line: bool, before: Option<&ScriptToken<'_>>) -> usize {
    if !rest.starts_with(['-', '#', '/']) {
        return 0;
    }
    let sets = before.is_some_and(|token| token.is("set") && (token.begins_line || !token.spaced));
    let line = || rest.find('\n').unwrap_or(rest.len());
    if rest.starts_with("--") && !sets || begins_line && rest.starts_with('#') {
        line()
    } else if rest.starts_with("/*") && !rest.starts_with("/*!") {
        rest.find("*/").map_or(rest.len(), |at| at + 2)
    } else {
        0
    }
}

/// Returns the length of a quoted text, if one begins here.
fn quoted(rest: &str) -> Option<usize> {
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"' | '`' | '$'))?;
    let mark = if quote == '$' {
        let tag = rest.get(1..)?.split('$').next()?;
        let name =
            tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_ascii_digit());
        rest.get(..tag.len() + 2).filter(|_| name)?
    } else {
        rest.get(..1)?
    };
    let inside = rest.get(mark.len()..)?;
    Some(inside.find(mark).map_or(rest.len(), |at| at + 2 * mark.len()))
}
