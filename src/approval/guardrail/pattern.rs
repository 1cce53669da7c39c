//! Compiled patterns of rules.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition};

use super::rule::{Effect, Guardrail, InvalidGuardrail};
use super::shell::{MarkedScript, OPERATORS, marked};

/// Maximum size of a compiled pattern in bytes.
const SIZE: usize = 1 << 20;
/// Maximum depth of groups in a pattern after it was parsed and printed, which adds groups.
const NESTING: u32 = 1_000;

/// A rule's compiled pattern.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// For `deny` and `require`: it may match anywhere.
    Anywhere(Regex),
    /// For `allow`: it must match the whole text.
    Whole {
        /// For SQL statements.
        statement: Regex,
        /// For commands with marked operators: only an operator that the pattern spells out matches one.
        shell: Regex,
    },
}

impl Pattern {
    /// Compiles the pattern of a rule, if it has one.
    pub(super) fn compile(spec: &Guardrail) -> Result<Option<Self>, InvalidGuardrail> {
        let Some(pattern) = &spec.pattern else { return Ok(None) };
        let refused = |detail: String| InvalidGuardrail::Pattern { rule: spec.name.clone(), detail };
        let build = |pattern: &str| {
            let mut builder = RegexBuilder::new(pattern);
            builder.size_limit(SIZE).dfa_size_limit(SIZE).nest_limit(NESTING);
            builder.build().map_err(|error| refused(error.to_string()))
        };
        // The pattern is parsed alone and printed again. Otherwise a pattern that closes a group it has not opened, or
        // ends in a comment, could escape from the anchors.
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

    /// Whether it matches a text: anywhere, or for `allow` the whole text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Anywhere(regex) | Self::Whole { statement: regex, .. } => regex.is_match(text),
        }
    }

    /// Whether it allows a shell command in each way that shells read it.
    pub(super) fn covers(&self, scripts: &[MarkedScript]) -> bool {
        let Self::Whole { shell, .. } = self else { return false };
        !scripts.is_empty() && scripts.iter().all(|script| script.is_covered_by(|text| shell.is_match(text)))
    }
}

/// Makes each literal operator of a pattern also match the marked one. No dot, set or class matches a marked operator.
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
        // Byte classes only contain ASCII: a pattern that could match half a character was refused before.
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
