//! Finds and hides secrets in a text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::found::{HIDDEN, SecretKind};
use super::patterns::{FLAG_VALUE, NAME, PATTERNS, VALUE};

/// All patterns. The set finds in one pass which patterns match at all; usually none does.
struct Compiled {
    any: RegexSet,
    each: Vec<(SecretKind, Regex)>,
    name: Regex,
    flag: Regex,
}

#[expect(clippy::expect_used, reason = "the patterns are constants, and compiled in tests")]
static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let assigned = format!("(?i)(?-u:\\b){NAME}{VALUE}");
    let flagged = format!("(?i)(?:^|[\\s\"'])--?{NAME}{FLAG_VALUE}");
    let named = [(SecretKind::Password, assigned.as_str()), (SecretKind::Password, flagged.as_str())];
    let all: Vec<(SecretKind, &str)> = PATTERNS.iter().copied().chain(named).collect();
    Compiled {
        any: RegexSet::new(all.iter().map(|(_, pattern)| *pattern)).expect("patterns compile"),
        each: all.iter().map(|(kind, pattern)| (*kind, Regex::new(pattern).expect("a pattern compiles"))).collect(),
        name: Regex::new(&format!("(?i)^{NAME}$")).expect("a name compiles"),
        flag: Regex::new(&format!("(?i)^--?{NAME}$")).expect("a flag compiles"),
    }
});

/// Whether a value with this name is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    COMPILED.name.is_match(name)
}

/// Whether a word of a command line is a flag whose value is a secret.
pub(super) fn is_secret_flag(word: &str) -> bool {
    COMPILED.flag.is_match(word)
}

/// Returns the text without its secrets, and the kinds of the secrets in order.
pub(super) fn redact(text: &str) -> (String, Vec<SecretKind>) {
    let found = find(text);
    let mut kept = String::with_capacity(text.len());
    let mut end = 0;
    for (place, _) in &found {
        kept.push_str(text.get(end..place.start).unwrap_or_default());
        kept.push_str(HIDDEN);
        end = place.end;
    }
    kept.push_str(text.get(end..).unwrap_or_default());
    (kept, found.into_iter().map(|(_, kind)| kind).collect())
}

/// Finds the places of secrets; overlapping matches are merged.
fn find(text: &str) -> Vec<(Range<usize>, SecretKind)> {
    let mut places: Vec<(Range<usize>, usize)> = Vec::new();
    for number in COMPILED.any.matches(text) {
        let Some((kind, pattern)) = COMPILED.each.get(number) else { continue };
        for found in pattern.captures_iter(text) {
            let matched = found.iter().skip(1).flatten().filter(|matched| is_real_value(*kind, matched.as_str()));
            places.extend(matched.map(|matched| (matched.range(), number)));
        }
    }
    places.sort_by_key(|(place, number)| (place.start, *number));
    let mut merged: Vec<(Range<usize>, usize)> = Vec::new();
    for (place, number) in places {
        match merged.last_mut() {
            Some((last, first)) if place.start < last.end => {
                last.end = last.end.max(place.end);
                *first = (*first).min(number);
            }
            _ => merged.push((place, number)),
        }
    }
    let kind = |number: usize| COMPILED.each.get(number).map_or(SecretKind::Password, |(kind, _)| *kind);
    merged.into_iter().map(|(place, number)| (place, kind(number))).collect()
}

/// Whether a match is a real secret: many commands contain placeholders.
pub(super) fn is_real_value(kind: SecretKind, matched: &str) -> bool {
    match kind {
        SecretKind::Card => is_card(matched),
        SecretKind::Password | SecretKind::UrlPassword | SecretKind::Authorization => !is_placeholder(matched),
        _ => true,
    }
}

/// Whether a value is a placeholder: `$1`, `${NAME}`, `$NAME` in capitals, `?`, `%s`, `:name`, empty text, or text
/// already hidden.
fn is_placeholder(text: &str) -> bool {
    let is_variable = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let braced = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let parameter =
        text.strip_prefix(':').is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    braced.is_some()
        || parameter
        || text.strip_prefix('$').is_some_and(is_variable)
        || matches!(text, "" | "?" | "%s" | "null" | "NULL" | "None" | "true" | "false" | "$")
        || text == HIDDEN
        || text.chars().all(|c| c == '*' || c == 'x' || c == '…')
}

/// Verifies the check digit of a card number (ISO/IEC 7812-1, Annex B).
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests;
