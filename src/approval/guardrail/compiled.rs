//! Compiled rules, and how they judge a command.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::super::{Payload, RuleName, Slot};
use super::functions;
use super::pattern::Pattern;
use super::rule::{self, Effect, Guardrail, InvalidGuardrail, MAX_RULES};
use super::shell::{self, MarkedScript};
use super::sql::{self, ParsedCommand};
use super::statement::Statement;
use super::words;

/// Maximum number of findings in one judgement.
const MAX_FINDINGS: usize = 50;
/// Maximum length of a finding's statement in characters.
const FINDING_LENGTH: usize = 200;

/// The compiled rules of a resource. Compiling is expensive: compile them once and keep them.
#[derive(Debug, Clone)]
pub struct Guardrails {
    pub(super) rules: Vec<Rule>,
    /// Entries of `statements` by their first word: the rule's number and the other words.
    entries: HashMap<String, Vec<(usize, Vec<String>)>>,
}

/// One rule, compiled.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) spec: Guardrail,
    pattern: Option<Pattern>,
    /// Functions that allowed statements may call: those listed, and those that the rule's words or pattern spell.
    functions: HashSet<String>,
}

/// The result of judging a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Ruling,
    /// Which rule decided which statement, to explain the verdict; at most 50.
    pub findings: Vec<Finding>,
    /// It could not be read completely in every dialect, so no rule could allow it.
    pub unclear: bool,
    /// It is not SQL, so only its raw text could be allowed.
    pub foreign: bool,
}

/// What may happen to a command before anybody is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    /// It must not run.
    Denied {
        rule: RuleName,
        /// The rule's reason, shown to the requester.
        reason: Option<String>,
    },
    /// It may run without asking anybody.
    Allowed {
        /// The rule that allowed its first statement.
        rule: RuleName,
    },
    /// People must be asked.
    Ask {
        /// The rules of effect `require` that matched.
        rules: Vec<RuleName>,
        /// The slots needed in addition to the policy's, one for each group. Both together may exceed the limits of a
        /// policy.
        slots: Vec<Slot>,
    },
}

/// Which rule decided a statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Finding {
    /// The statement as rules see it, cut to 200 characters.
    pub statement: String,
    /// The rule that decided it, if any.
    pub rule: Option<RuleName>,
    /// That rule's effect.
    pub effect: Option<Effect>,
    /// If no rule decided it: the called functions that are not known to be harmless.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_functions: Vec<String>,
}

/// A command, with the conditions that are checked once for all its statements.
pub(super) struct CommandFacts {
    pub(super) parsed: ParsedCommand,
    /// For each rule, whether its conditions on language and context are met.
    conditions_met: Vec<bool>,
    /// For each rule, whether its pattern matches the raw command; for `allow`, all of it as shells read it.
    raw: Vec<bool>,
    /// The commands that a shell finds in it, without white space.
    shell_commands: HashSet<String>,
}

impl Rule {
    fn lets_call(&self, function: &str) -> bool {
        self.functions.contains(function) || self.functions.contains("*")
    }
}

impl Guardrails {
    /// Compiles rules.
    ///
    /// # Errors
    /// Returns the first problem found.
    pub fn compile(guardrails: &[Guardrail]) -> Result<Self, InvalidGuardrail> {
        if guardrails.len() > MAX_RULES {
            return Err(InvalidGuardrail::TooManyRules);
        }
        let mut names = HashSet::new();
        let mut rules = Vec::with_capacity(guardrails.len());
        let mut entries: HashMap<String, Vec<_>> = HashMap::new();
        for (number, spec) in guardrails.iter().enumerate() {
            if !names.insert(&spec.name) {
                return Err(InvalidGuardrail::NameTwice(spec.name.clone()));
            }
            spec.check()?;
            for entry in &spec.statements {
                let mut words = sql::words_of_entry(entry).unwrap_or_default().into_iter();
                let first = words
                    .next()
                    .ok_or_else(|| InvalidGuardrail::Statement { rule: spec.name.clone(), entry: entry.clone() })?;
                entries.entry(first).or_default().push((number, words.collect()));
            }
            rules.push(Rule {
                pattern: Pattern::compile(spec)?,
                functions: functions::named_by(spec),
                spec: spec.clone(),
            });
        }
        Ok(Self { rules, entries })
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns how many bytes of a payload are read to judge it: its command, and the arguments of the program that
    /// runs it.
    pub fn length(payload: &Payload) -> usize {
        payload.command.len() + argv(payload).iter().map(|word| word.len()).sum::<usize>()
    }

    /// Judges a command by all rules.
    pub fn judge(&self, payload: &Payload) -> Judgement {
        self.judge_by(payload, 0..self.rules.len())
    }

    /// Judges a command by some of the rules.
    pub(super) fn judge_by(&self, payload: &Payload, among: Range<usize>) -> Judgement {
        if among.is_empty() {
            let verdict = Ruling::Ask { rules: Vec::new(), slots: Vec::new() };
            return Judgement { verdict, findings: Vec::new(), unclear: false, foreign: false };
        }
        let facts = self.facts(payload);
        let mut summary = EffectSummary { all_allowed: !facts.parsed.unclear, ..EffectSummary::default() };
        let mut findings = Findings::default();
        for statement in &facts.parsed.statements {
            let deciding = self.deciding(&facts, statement, among.clone());
            if !(statement.rough && deciding.is_empty()) {
                findings.add(statement, deciding.first().and_then(|number| self.rules.get(*number)));
            }
            let effects = deciding.iter().filter_map(|number| Some((*number, self.rules.get(*number)?.spec.effect)));
            summary.count(effects, statement.rough);
        }
        let ParsedCommand { unclear, foreign, .. } = facts.parsed;
        Judgement { verdict: self.ruling(&summary), findings: findings.list, unclear, foreign }
    }

    pub(super) fn facts(&self, payload: &Payload) -> CommandFacts {
        let language = payload.language.as_deref().map(str::to_lowercase);
        let context = payload.context.as_ref();
        let conditions_met = |rule: &Rule| {
            let spec = &rule.spec;
            let given = language.as_ref();
            (spec.languages.is_empty() || spec.languages.iter().any(|one| Some(&one.to_lowercase()) == given))
                && spec.context.iter().all(|(pointer, wanted)| rule::has_value(context, pointer, wanted))
        };
        let parsed = sql::read(&payload.command, payload.language.as_deref(), &argv(payload));
        let command = payload.command.trim();
        let scripts = if parsed.foreign && !parsed.unclear {
            shell::read(
                command,
                language.as_deref().is_none_or(|language| shell::is_posix(language) || words::is_sql(language)),
            )
        } else {
            None
        };
        let scripts = scripts.unwrap_or_default();
        let raw = |rule: &Rule| {
            let allows = rule.spec.effect == Effect::Allow;
            let matches = |pattern: &Pattern| {
                if allows { pattern.covers(&scripts) } else { pattern.is_match(&payload.command) }
            };
            !command.is_empty() && rule.pattern.as_ref().is_some_and(matches)
        };
        let raw = self.rules.iter().map(raw).collect();
        let shell_commands = scripts.iter().flat_map(MarkedScript::commands).map(without_space).collect();
        CommandFacts { parsed, conditions_met: self.rules.iter().map(conditions_met).collect(), raw, shell_commands }
    }

    /// The rules that decide a statement: the first that matches. For rough words: the first that denies, or all that
    /// match.
    pub(super) fn deciding(&self, facts: &CommandFacts, statement: &Statement, among: Range<usize>) -> Vec<usize> {
        let named = self.named(statement);
        let matches = |number: &usize| {
            let Some(rule) = self.rules.get(*number) else { return false };
            facts.conditions_met.get(*number) == Some(&true) && self.matches(facts, statement, *number, rule, named)
        };
        let mut matching = among.filter(matches);
        if !statement.rough {
            return matching.next().into_iter().collect();
        }
        // Rough words may be several statements: a milder rule must not hide a stricter one.
        let matching: Vec<usize> = matching.collect();
        let denies = |number: &usize| self.rules.get(*number).is_some_and(|rule| rule.spec.effect == Effect::Deny);
        match matching.iter().find(|number| denies(number)) {
            Some(denying) => vec![*denying],
            None => matching,
        }
    }

    /// A bit for each rule with an entry that the statement contains.
    fn named(&self, statement: &Statement) -> u128 {
        let mut named = 0;
        for at in 0..statement.words.len() {
            for (number, _) in self.entries_at(&statement.words, at) {
                named |= 1 << number;
            }
        }
        named
    }

    fn entries_at<'a>(
        &'a self,
        words: &'a [String],
        at: usize,
    ) -> impl Iterator<Item = &'a (usize, Vec<String>)> + use<'a> {
        let entries = words.get(at).and_then(|first| self.entries.get(first)).map_or(&[][..], Vec::as_slice);
        let following = words.get(at + 1..).unwrap_or_default();
        entries.iter().filter(move |(_, rest)| following.starts_with(rest))
    }

    fn matches(&self, facts: &CommandFacts, statement: &Statement, number: usize, rule: &Rule, named: u128) -> bool {
        let in_raw = facts.raw.get(number) == Some(&true);
        if rule.spec.effect == Effect::Allow {
            return !facts.parsed.unclear && !statement.rough && self.allows(facts, statement, number, rule, in_raw);
        }
        (rule.spec.statements.is_empty() || named & (1 << number) != 0)
            && rule
                .pattern
                .as_ref()
                .is_none_or(|pattern| in_raw || !statement.words.is_empty() && pattern.is_match(&statement.text))
    }

    /// Whether an allowing rule covers every part of the statement that could be a statement of its own.
    fn allows(&self, facts: &CommandFacts, statement: &Statement, number: usize, rule: &Rule, in_raw: bool) -> bool {
        if rule.spec.is_textless() {
            return true;
        }
        if let Some(function) = &statement.argument_of {
            return rule.lets_call(function);
        }
        if statement.words.is_empty() {
            return false;
        }
        let begins = |word: usize| {
            rule.spec.statements.is_empty()
                || self.entries_at(&statement.words, word).any(|(owner, _)| *owner == number)
        };
        if facts.parsed.foreign {
            // In other languages white space and comments may have a meaning, so words are not enough: the raw command
            // must match.
            if !in_raw || statement.hidden {
                return in_raw;
            }
            if !statement.begins_sql() || facts.shell_commands.contains(&without_space(&statement.text)) {
                return begins(0);
            }
            // No shell reads this as a command of its own, but a database may execute it.
        }
        if !statement.calls.iter().all(|function| rule.lets_call(function)) {
            return false;
        }
        let ends = statement.parts.iter().skip(1).map(|(_, byte)| *byte).chain([statement.text.len()]);
        statement.parts.iter().zip(ends).all(|((word, byte), end)| {
            let part = statement.text.get(*byte..end).unwrap_or_default().trim_end();
            begins(*word) && rule.pattern.as_ref().is_none_or(|pattern| pattern.is_match(part))
        })
    }

    fn ruling(&self, summary: &EffectSummary) -> Ruling {
        let spec = |number: usize| self.rules.get(number).map(|rule| &rule.spec);
        if let Some(spec) = summary.denied.and_then(spec) {
            return Ruling::Denied { rule: spec.name.clone(), reason: spec.reason.clone() };
        }
        if let Some(spec) = summary.allowed.filter(|_| summary.all_allowed).and_then(spec) {
            return Ruling::Allowed { rule: spec.name.clone() };
        }
        let mut rules = Vec::new();
        let mut slots: Vec<Slot> = Vec::new();
        for spec in summary.required.iter().filter_map(|number| spec(*number)) {
            rules.push(spec.name.clone());
            for slot in &spec.slots {
                match slots.iter_mut().find(|known| known.group == slot.group) {
                    Some(known) => {
                        known.needed = known.needed.max(slot.needed);
                        known.shared &= slot.shared;
                    }
                    None => slots.push(slot.clone()),
                }
            }
        }
        Ruling::Ask { rules, slots }
    }
}

/// The effects of all rules that decided a statement. The strictest wins: deny, then ask, then allow.
#[derive(Debug, Default)]
struct EffectSummary {
    denied: Option<usize>,
    allowed: Option<usize>,
    required: BTreeSet<usize>,
    all_allowed: bool,
}

impl EffectSummary {
    fn count(&mut self, effects: impl Iterator<Item = (usize, Effect)>, rough: bool) {
        let mut allows = false;
        for (number, effect) in effects {
            match effect {
                Effect::Deny => self.denied = self.denied.or(Some(number)),
                Effect::Require => {
                    self.required.insert(number);
                }
                Effect::Allow => {
                    allows = true;
                    self.allowed = self.allowed.or(Some(number));
                }
            }
        }
        self.all_allowed &= allows || rough;
    }
}

#[derive(Debug, Default)]
struct Findings {
    list: Vec<Finding>,
    seen: HashSet<Finding>,
}

impl Findings {
    fn add(&mut self, statement: &Statement, rule: Option<&Rule>) {
        let finding = Finding {
            statement: statement.text.chars().take(FINDING_LENGTH).collect(),
            rule: rule.map(|rule| rule.spec.name.clone()),
            effect: rule.map(|rule| rule.spec.effect),
            unknown_functions: if rule.is_some() { Vec::new() } else { statement.calls.clone() },
        };
        let denies = |finding: &Finding| finding.effect == Some(Effect::Deny);
        if self.list.len() < MAX_FINDINGS {
            if self.seen.insert(finding.clone()) {
                self.list.push(finding);
            }
        } else if denies(&finding) && !self.list.iter().any(denies) {
            // The finding that explains the verdict must be in the list.
            self.list.pop();
            self.list.push(finding);
        }
    }
}

/// The arguments of the program that runs the command, if the context contains them.
fn argv(payload: &Payload) -> Vec<&str> {
    let argv = payload.context.as_ref().and_then(|context| context.get("argv")).and_then(serde_json::Value::as_array);
    argv.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
}

fn without_space(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}
