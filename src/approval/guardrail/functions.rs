//! Finds calls of functions that are not known to be harmless.
//!
//! A list of dangerous functions is never complete: extensions and users add new ones, and a quoted name hides a known
//! one. So the list contains the harmless ones. Any other function may write, or execute a text that it is given.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::rule::Guardrail;
use super::words;

static HARMLESS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("harmless.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_ascii_whitespace).collect()
});

/// Prefixes of functions that only read.
const HARMLESS_FAMILIES: [&str; 2] = ["pg_get_", "pg_stat_get_"];
/// Schemas of the database systems themselves.
const SYSTEM: [&str; 3] = ["pg_catalog", "information_schema", "sys"];
/// Words before a name with a list in parentheses that is a table, an alias or an index, but not a call.
const BEFORE_NAMES: [&str; 18] = [
    "analyze",
    "as",
    "constraint",
    "copy",
    "exists",
    "function",
    "index",
    "into",
    "key",
    "materialized",
    "ordinality",
    "procedure",
    "recursive",
    "references",
    "table",
    "tablesample",
    "vacuum",
    "view",
];

/// Words before parentheses that an expression may follow: `distinct on (a) f(b)`, `top (1) f(b)`, `operator(x.+)
/// f(b)`.
const BEFORE_EXPRESSIONS: [&str; 4] = ["on", "operator", "options", "top"];

/// A call of a function that is not known to be harmless.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownCall {
    /// The function's name in lower case, with its schema.
    pub(super) name: String,
    /// The words that are its arguments.
    pub(super) arguments: Range<usize>,
}

impl UnknownCall {
    /// Whether the function is known to execute a text of any origin, or has a name that cannot be read.
    pub(super) fn runs_text(&self) -> bool {
        let name = self.name.rsplit('.').next().unwrap_or_default();
        words::runs_text(name) || self.name.is_empty()
    }
}

/// Finds the calls of functions that are not known to be harmless. `quoted` contains the quoted words, which are empty
/// in `words`, by the number of the word.
pub(super) fn calls(words: &[String], quoted: &[(usize, String)]) -> Vec<UnknownCall> {
    let mut calls: Vec<UnknownCall> = Vec::new();
    // The open parentheses: their position, and the call that each belongs to.
    let mut open: Vec<(usize, Option<usize>)> = Vec::new();
    // Whether an alias may follow the parenthesis that was closed last.
    let mut aliased = true;
    let mut main = false;
    let mut called = None;
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "(" => open.push((at, called.take())),
            ")" => {
                let (begin, call) = open.pop().unwrap_or((0, None));
                aliased = !begin
                    .checked_sub(1)
                    .and_then(|at| words.get(at))
                    .is_some_and(|word| BEFORE_EXPRESSIONS.contains(&word.as_str()));
                if let Some(call) = call.and_then(|call| calls.get_mut(call)) {
                    call.arguments.end = at;
                }
            }
            _ if words.get(at + 1).is_some_and(|next| next == "(") && (word.is_empty() || is_name(word)) => {
                let (name, first) = name(words, quoted, at);
                let context = NameContext { inside: main || !open.is_empty(), aliased };
                if !is_harmless(&name) && !is_declared(words, first, context) {
                    called = Some(calls.len());
                    calls.push(UnknownCall { name, arguments: at + 2..words.len() });
                }
            }
            "select" | "insert" | "update" | "delete" | "merge" | "values" | "from" => main |= open.is_empty(),
            _ => {}
        }
    }
    calls
}

/// Returns the calls that are not arguments of another call.
pub(super) fn outermost(calls: &[UnknownCall]) -> impl Iterator<Item = &UnknownCall> {
    let mut end = 0;
    calls.iter().filter(move |call| {
        let outer = call.arguments.start >= end;
        end = end.max(call.arguments.end);
        outer
    })
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '@' || c == '#' || !c.is_ascii())
}

/// Returns the full name that ends at a word, and the number of its first word. A name with Unicode escapes is
/// returned empty.
fn name(words: &[String], quoted: &[(usize, String)], end: usize) -> (String, usize) {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let mut first = end;
    let mut parts = Vec::new();
    loop {
        let part = match quoted.binary_search_by_key(&first, |(at, _)| *at) {
            Ok(found) => quoted.get(found).map_or(String::new(), |(_, text)| text.to_lowercase()),
            Err(_) => word(first).to_owned(),
        };
        let escaped = word(first).is_empty() && first >= 2 && word(first - 1) == "&" && word(first - 2) == "u";
        if escaped {
            return (String::new(), first - 2);
        }
        parts.push(part);
        if first < 2 || word(first - 1) != "." || !(word(first - 2).is_empty() || is_name(word(first - 2))) {
            break;
        }
        first -= 2;
    }
    parts.reverse();
    (parts.join("."), first)
}

fn is_harmless(name: &str) -> bool {
    let name = match name.rsplit_once('.') {
        Some((schema, name)) if SYSTEM.contains(&schema) => name,
        _ => name,
    };
    let in_family = |family: &str| name.starts_with(family) && !name.contains('.');
    HARMLESS.contains(name) || HARMLESS_FAMILIES.iter().any(|family| in_family(family))
}

/// The surroundings of a name with a list in parentheses.
struct NameContext {
    /// In parentheses, or after the common table expressions.
    inside: bool,
    /// After parentheses, so it may be the alias of their contents.
    aliased: bool,
}

/// Whether the name is declared there, with a list of columns or parameters, and not called.
fn is_declared(words: &[String], first: usize, NameContext { inside, aliased }: NameContext) -> bool {
    let Some(before) = first.checked_sub(1).and_then(|at| words.get(at)).map(String::as_str) else { return false };
    let head = words.first().map_or("", String::as_str);
    let this = words.get(first).map_or("", String::as_str);
    BEFORE_NAMES.contains(&before)
        || matches!(before, "use" | "force" | "ignore") && matches!(this, "index" | "key")
        || before == ")" && aliased
        || before == "using" && uses_method(words, first)
        || before == "on"
            && matches!(head, "create" | "grant" | "comment")
            && !words.iter().take(first).any(|word| word == "join")
        || matches!(before, "insert" | "replace" | "ignore") && matches!(head, "insert" | "replace")
        || matches!(before, "with" | ",") && head == "with" && !inside
}

/// Whether `using` before a word names the method of an index: `create index … using gin (…)`, `exclude using gist
/// (…)`.
fn uses_method(words: &[String], first: usize) -> bool {
    words.iter().find(|word| *word != "(").is_some_and(|head| head == "create")
        || first.checked_sub(2).and_then(|at| words.get(at)).is_some_and(|word| word == "exclude")
}

/// Returns the functions that a rule names: in `functions`, in `statements`, or in its pattern.
pub(super) fn named_by(rule: &Guardrail) -> HashSet<String> {
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '#') || !c.is_ascii();
    // Escapes such as `\b` do not belong to a name, and `\.` is a dot.
    let pattern = rule.pattern.as_deref().unwrap_or_default().replace("\\.", ".");
    let mut plain = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { ' ' } else { c });
        if c == '\\' {
            chars.next();
        }
    }
    let texts = rule.statements.iter().chain([&plain]).map(String::as_str);
    let spelled = texts.flat_map(|text| text.split(|c| !of_name(c))).filter(|name| !name.is_empty());
    spelled.chain(rule.functions.iter().map(String::as_str)).map(str::to_lowercase).collect()
}
