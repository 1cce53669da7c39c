//! Patterns of rules, compiled.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use super::rule::{Effect, Guardrail, InvalidGuardrail};
use super::shell::{Line, OPERATORS, marked};

/// Bytes that a compiled pattern may take.
const SIZE: usize = 1 << 20;
/// How deep groups may be nested in a pattern that has been parsed and written out again, which adds groups of its own.
const NESTING: u32 = 1_000;

/// A rule's pattern, ready to match.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Of `deny` and `require`: it may match anywhere.
    Anywhere(Regex),
    /// Of `allow`: it matches from beginning to end.
    Whole {
        /// For statements of SQL.
        statement: Regex,
        /// For commands whose operators are marked: only an operator that the pattern spells stands for one.
        shell: Regex,
    },
}

impl Pattern {
    /// The pattern of a rule, if it has one.
    pub(super) fn compile(spec: &Guardrail) -> Result<Option<Self>, InvalidGuardrail> {
        let Some(pattern) = &spec.pattern else { return Ok(None) };
        let refused = |detail: String| InvalidGuardrail::Pattern { rule: spec.name.clone(), detail };
        let build = |pattern: &str| {
            let mut builder = RegexBuilder::new(pattern);
            builder.size_limit(SIZE).dfa_size_limit(SIZE).nest_limit(NESTING);
            builder.build().map_err(|error| refused(error.to_string()))
        };
        // Parsed alone and written out again: a pattern that closes a group it has not opened, or ends in a comment, must not
        // get out of the anchors.
        let parsed = ParserBuilder::new().case_insensitive(true).build().parse(pattern);
        let parsed = parsed.map_err(|error| refused(error.to_string()))?;
        if spec.effect != Effect::Allow {
            return Ok(Some(Self::Anywhere(build(&parsed.to_string())?)));
        }
        Ok(Some(Self::Whole {
            statement: build(&format!(r"\A(?:{parsed})\z"))?,
            shell: build(&format!(r"\A(?:{})\z", spell(&parsed)))?,
        }))
    }

    /// Whether it matches a text: anywhere in it, or for `allow` from beginning to end.
    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Anywhere(regex) | Self::Whole { statement: regex, .. } => regex.is_match(text),
        }
    }

    /// Whether it allows a command of a shell, as each of its readings has it.
    pub(super) fn covers(&self, lines: &[Line]) -> bool {
        let Self::Whole { shell, .. } = self else { return false };
        !lines.is_empty() && lines.iter().all(|line| line.is_covered_by(|text| shell.is_match(text)))
    }
}

/// A pattern in which each literal operator also stands for the marked one, and nothing else does: no dot, set or class.
fn spell(pattern: &Hir) -> Hir {
    match pattern.kind() {
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::concat(text.chars().map(spelled_character).collect()),
            Err(_) => pattern.clone(),
        },
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.difference(&ClassUnicode::new(OPERATORS.map(|operator| one(marked(operator)))));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Repetition(repetition) => {
            Hir::repetition(Repetition { sub: Box::new(spell(&repetition.sub)), ..repetition.clone() })
        }
        HirKind::Capture(capture) => Hir::capture(Capture { sub: Box::new(spell(&capture.sub)), ..capture.clone() }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(spell).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(spell).collect()),
        // Classes of bytes hold nothing but ASCII: a pattern that could match half a character was refused before.
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => pattern.clone(),
    }
}

fn spelled_character(character: char) -> Hir {
    let range = [one(character)].into_iter().chain(OPERATORS.contains(&character).then(|| one(marked(character))));
    Hir::class(Class::Unicode(ClassUnicode::new(range)))
}

fn one(character: char) -> ClassUnicodeRange {
    ClassUnicodeRange::new(character, character)
}
